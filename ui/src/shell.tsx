import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { Banner } from './banner';
import { Help } from './help';
import { useKeys } from './keys';
import { alerts, board, incidents, loginEnded, logOut, may, now, session, staged } from './live/live';
import { summary } from './live/summary';
import { count, local, span } from './format';
import { wall } from './pages/board/view';
import { Mark } from './pages/login';
import { TimeBar } from './pages/time/timebar';
import { Shape } from './parts/badge';
import { Menu } from './parts/menu';
import { tell } from './parts/notice';
import { Outside } from './parts/outside';
import { go, moment, path, serviceURL, timeless } from './route';
import { theme, themes } from './theme';
import { Unwell } from './unwell';
import type { Role, Status } from './wire';
import { statusWords, worstFirst } from './words';
import './shell.css';

const pages: { to: string; name: string; key: string; role: Role }[] = [
  { to: '/', name: 'Board', key: 'b', role: 'viewer' },
  { to: '/map', name: 'Map', key: 'm', role: 'viewer' },
  { to: '/alerts', name: 'Alerts', key: 'l', role: 'viewer' },
  { to: '/events', name: 'Events', key: 'e', role: 'viewer' },
  { to: '/audit', name: 'Audit', key: 'a', role: 'admin' },
  { to: '/tokens', name: 'Tokens', key: 't', role: 'admin' },
  { to: '/server', name: 'Server', key: 's', role: 'viewer' },
];

/** What is around every page. A screen on the wall has nothing around it. */
export function Shell({ children }: { children: ComponentChildren }) {
  const [help, setHelp] = useState(false);
  const open = pages.filter((page) => may(page.role) && (page.to !== '/alerts' || alerts.present.value === true));
  useTitle();
  useKeys([
    { key: '?', does: 'show or hide this help', run: () => setHelp(true) },
    ...open.map((page) => ({ key: `g ${page.key}`, does: page.name, run: () => go(page.to) })),
  ], { around: true });
  if (wall.value && (path.value === '/' || staged)) return <main>{children}</main>;
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <header class="head">
        <a class="head-home" href="/" aria-label="Switchgear, the board"><Mark /><span>Switchgear</span></a>
        <nav class="head-nav" aria-label="Pages">
          {open.map((page) => (
            <a key={page.to} href={page.to} {...(isAt(page.to) ? { 'aria-current': 'page' as const } : {})}>{page.name}{page.to === '/alerts' && <Firing />}</a>
          ))}
        </nav>
        <Counts />
        <Connection />
        <Person help={() => setHelp(true)} />
      </header>
      <Unwell />
      <Banner />
      {timed() && <TimeBar />}
      <main id="main" tabIndex={-1}>{children}</main>
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

/** Whether the page shows what is, and can show what was. */
const timed = (): boolean => !timeless.includes(path.value);

const isAt = (to: string): boolean => (to === '/' ? path.value === '/' || path.value.startsWith('/service/') : path.value.startsWith(to));

/** How many incidents there are: those that nobody has seen, or else all of them. */
function Firing() {
  const all = incidents.value;
  const loud = all.filter((incident) => incident.loud).length;
  if (all.length === 0) return null;
  const n = count(loud || all.length);
  return <span class={loud > 0 ? 'head-firing loud' : 'head-firing'} aria-label={loud > 0 ? `, ${n} not acknowledged` : `, ${n} acknowledged or silenced`} role="img">{n}</span>;
}

/** How many of what, the worst first; the healthy ones are no news. */
function Counts() {
  const { counts, total } = summary.value;
  const told = worstFirst.filter((status) => status !== 'healthy' && counts[status] > 0);
  return (
    <div class="head-counts">
      {told.map((status) => <Count key={status} status={status} n={counts[status]} />)}
      {told.length === 0 && total > 0 && <span class="head-count" title={`${total} services, all healthy`}><Shape status="healthy" /><b>all well</b></span>}
    </div>
  );
}

function Count({ status, n }: { status: Status; n: number }) {
  return (
    <a class="head-count" href={`/?status=${status}`} title={`${n} ${statusWords[status]}`} aria-label={`${n} ${statusWords[status]}`}>
      <Shape status={status} /><b>{count(n)}</b>
    </a>
  );
}

/** Whether what is shown is so now, in words, always. */
function Connection() {
  const connection = board.connection.value;
  const heard = connection === 'live' ? 1 : board.heardAt.value; // it moves with every message
  const text = moment.value !== null ? `as it was at ${local(moment.value, now.value)}` : connection === 'live' ? 'live' : connection === 'ended' ? 'log-in ended'
    : heard === 0 ? 'connecting …' : 'not live';
  const age = connection === 'lost' && heard > 0 && moment.value === null ? `: what you see is ${span(now.value - heard)} old` : '';
  return (
    <p class={`head-connection is-${moment.value !== null ? 'past' : connection}`}>
      <svg viewBox="0 0 10 10" aria-hidden="true">{connection === 'live' ? <circle cx="5" cy="5" r="4" /> : <path d="M5 .8 9.4 9H.6z" />}</svg>
      <span><span role="status">{text}</span>{age}</span>
    </p>
  );
}

function Person({ help }: { help: () => void }) {
  const who = session.value;
  const leave = async () => {
    try {
      await logOut();
    } catch (err) {
      tell('bad', `You are still logged in: ${err instanceof Error ? err.message : String(err)}.`);
    }
  };
  return (
    <Menu right class="head-person" title={`${who?.name ?? ''}: log-in, theme, help`} label={<><span class="head-who"><Outside text={who?.name ?? ''} /></span></>}>
      <p class="person-who"><b><Outside text={who?.name ?? ''} /></b><span class="muted">{who?.role}{who?.services ? `, for ${who.services.join(', ')}` : ''}</span></p>
      <div class="person-theme">
        <span class="muted" id="theme-name">Theme</span>
        <div class="segments" role="group" aria-labelledby="theme-name">
          {themes.map((one) => (
            <button key={one} type="button" aria-pressed={theme.value === one} onClick={() => (theme.value = one)}>{one}</button>
          ))}
        </div>
      </div>
      <button type="button" class="button quiet person-item" data-close onClick={help}>Keys <kbd>?</kbd></button>
      <button type="button" class="button quiet person-item" data-close onClick={() => void leave()}>Log out</button>
    </Menu>
  );
}

/** The title tells how many are failing, also from a tab in the back. */
function useTitle(): void {
  const { counts } = summary.value;
  const failing = counts.circuit_open + counts.unhealthy;
  const here = path.value.startsWith('/service/') ? decode(path.value.slice(serviceURL('').length)) : (pages.find((page) => page.to !== '/' && path.value.startsWith(page.to))?.name ?? '');
  const stale = board.connection.value === 'lost' && !loginEnded.value;
  useEffect(() => {
    document.title = `${stale ? '⚠ ' : ''}${failing > 0 ? `(${failing}) ` : ''}${here ? `${here} · ` : ''}Switchgear`;
  }, [failing, here, stale]);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
