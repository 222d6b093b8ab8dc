import { useComputed } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';

import { useKeys } from '../../keys';
import { lazy } from '../../lazy';
import { board, entries, may, past, session } from '../../live/live';
import { Outside } from '../../parts/outside';
import { go, moment, parameter, setParameters } from '../../route';
import { Actions, check, type Act, type Result } from './actions';
import { Charts } from './charts';
import { ServiceData } from './data';
import { Head, News } from './head';
import { Openings } from './openings';
import './service.css';
import './charts.css';
import './story.css';

const ConfigTab = lazy(() => import('./config').then((m) => m.ConfigTab));
const InstancesTab = lazy(() => import('./instancetab').then((m) => m.InstancesTab));
const History = lazy(() => import('./history').then((m) => m.History));

const tabs = [
  { name: '', words: 'Openings' },
  { name: 'instances', words: 'Instances' },
  { name: 'history', words: 'History' },
  { name: 'config', words: 'Config' },
] as const;

const resultStays = 20_000;

type Tab = (typeof tabs)[number]['name'];

/** All there is to see of one service, and to do with it. */
export function ServicePage({ service }: { service: string }) {
  return <Page key={service} service={service} />;
}

function Page({ service }: { service: string }) {
  const data = useMemo(() => new ServiceData(service), [service]);
  useEffect(() => data.start(), [data]);
  const entry = useComputed(() => entries.value.get(service)).value; // drawn anew when this one changes, not with the whole fleet
  const [act, setAct] = useState<Act>(null);
  const [editing, edit] = useState(false);
  const [checking, setChecking] = useState(false);
  const [result, setResult] = useState<Result | null>(null);
  useEffect(() => {
    if (!result?.good) return undefined;
    const timer = setTimeout(() => setResult(null), resultStays); // what the card of the check says is newer then
    return () => clearTimeout(timer);
  }, [result]);
  const agent = useComputed(() => {
    board.shape.value;
    return (board.entries.get(service) ?? entries.value.get(service))?.source === 'agent'; // the past may not know
  }).value;
  const open = tabs.filter((t) => agent || t.name !== 'instances');
  const tab: Tab = open.find((t) => t.name === parameter('tab'))?.name ?? '';
  const show = (name: Tab) => setParameters({ tab: name });

  const runCheck = async () => {
    setChecking(true);
    setResult(null);
    const r = await check(service);
    setChecking(false);
    setResult(r);
  };
  const live = () => moment.peek() === null && board.entries.has(service);
  useKeys([
    ...(may('operator') ? [
      { key: 'c', does: 'check the health now', run: () => live() && !checking && void runCheck() },
      { key: 'r', does: 'reset', run: (e: Event) => { e.preventDefault(); if (live() && entry?.circuit_breaker.mode === 'auto') setAct('reset'); } },
      { key: 'o', does: 'override', run: (e: Event) => { e.preventDefault(); if (live()) setAct('override'); } },
    ] : []),
    ...(may('admin') ? [{ key: 'e', does: 'edit the config', run: (e: Event) => { e.preventDefault(); if (live()) { show('config'); edit(true); } } }] : []),
    { key: 'b', does: 'back to the board', run: () => go('/') },
    { key: 'Escape', does: 'back to the board', run: (e) => leave(e, editing) },
  ]);

  return (
    <div class="page svc">
      <header class="svc-top">
        <div class="svc-title">
          <p class="muted"><a href="/">Board</a>{entry?.layer && <> / {entry.layer}</>}</p>
          <h1>{service}</h1>
          {entry?.description && <p class="muted"><Outside text={entry.description} /></p>}
        </div>
        {entry && <Actions entry={entry} act={act} setAct={setAct} checking={checking} runCheck={() => void runCheck()} result={result} />}
      </header>
      <News data={data} me={session.value?.name ?? ''} />
      {entry ? <Head entry={entry} data={data} /> : <Missing service={service} />}
      {(entry || data.error.value === '') && <Charts data={data} entry={entry} />}
      <section class="card svc-below">
        <Tabs tabs={open} at={tab} show={show} />
        <div role="tabpanel" id="svc-panel" aria-labelledby={`svc-tab-${tab}`} class="svc-panel">
          {tab === '' && <Openings data={data} entry={entry} />}
          {tab === 'history' && <History data={data} agent={agent} />}
          {tab === 'instances' && <InstancesTab service={service} />}
          {tab === 'config' && (entry ? <ConfigTab data={data} entry={entry} editing={editing} edit={edit} /> : <p class="muted">Its config is not known.</p>)}
        </div>
      </section>
    </div>
  );
}

/** Escape leaves a field first, and never loses what is being edited. */
function leave(event: KeyboardEvent, editing: boolean): void {
  const target = event.target;
  if (target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) target.blur();
  else if (!editing) go('/');
}

function Tabs({ tabs, at, show }: { tabs: readonly { name: Tab; words: string }[]; at: Tab; show: (name: Tab) => void }) {
  const step = (event: KeyboardEvent) => {
    const i = tabs.findIndex((t) => t.name === at);
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: tabs.length - 1 }[event.key];
    const next = to === undefined ? undefined : tabs[to];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    show(next.name);
    document.getElementById(`svc-tab-${next.name}`)?.focus();
  };
  return (
    <div class="svc-tabs" role="tablist" aria-label="More of this service" onKeyDown={step}>
      {tabs.map((t) => (
        <button key={t.name} type="button" role="tab" id={`svc-tab-${t.name}`} aria-controls="svc-panel" aria-selected={t.name === at} tabIndex={t.name === at ? 0 : -1} onClick={() => show(t.name)}>{t.words}</button>
      ))}
    </div>
  );
}

/** A service that is not on the board: not yet, not then, or not any more. */
function Missing({ service }: { service: string }) {
  const at = moment.value;
  if (at !== null) {
    if (past.value === null) return <p class="muted">Loading that moment …</p>;
    return <p class="svc-note">{past.value.error || `${service} was not there at that moment, or nothing of it was kept.`}</p>;
  }
  board.shape.value;
  if (board.entries.size === 0 && board.connection.value !== 'ended') return <p class="muted">Waiting for the manager …</p>;
  return <p class="svc-note">There is no service {service} on the board. If there was one, its history is below.</p>;
}
