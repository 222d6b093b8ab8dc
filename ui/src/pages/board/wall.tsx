import { useEffect, useState } from 'preact/hooks';

import { count, local, rate, span } from '../../format';
import { useKeys } from '../../keys';
import { board, countedAt, entries, incidents, now, shownAt, turnedAt } from '../../live/live';
import { summary } from '../../live/summary';
import { Shape } from '../../parts/badge';
import { Outside } from '../../parts/outside';
import { Spark } from '../../parts/spark';
import { statusWords, worstFirst } from '../../words';
import { recent } from './figures';
import { sinceOf, sinceText } from './reason';
import { ringOf, seen } from './seed';
import { Advice, Drags, Errors, Reason } from './card';
import { look } from './view';
import { failingDependencies, type Wrong } from './wrong';
import './wall.css';

/** The board for a screen on the wall: nobody has to touch it, and one reads it from across the room. */
export function Wall() {
  useKeys([{ key: 'Escape', does: 'leave the wall', run: () => look.wall(false) }]);
  const { counts, total } = summary.value;
  const live = board.connection.value === 'live';
  const age = Math.max(0, now.value - board.heardAt.value);
  return (
    <div class={`wall${live ? '' : ' stale'}`}>
      {!live && (
        <p class="wall-stale" role="alert">
          {board.heardAt.value > 0 ? `Not live: what you see is ${span(age)} old` : 'Not live: the manager has not been reached yet'}
        </p>
      )}
      {board.known.value ? <Matters /> : <p class="wall-well muted">Waiting for the manager …</p>}
      <footer class="wall-foot">
        {worstFirst.filter((status) => counts[status] > 0).map((status) => (
          <span key={status} class="wall-count"><Shape status={status} /> <b>{count(counts[status])}</b> {statusWords[status]}</span>
        ))}
        <span class="spread" />
        <span class="muted">{count(total)} {total === 1 ? 'service' : 'services'}</span>
        <time class="wall-clock">{local(now.value, now.value)}</time>
        <button type="button" class="button quiet wall-leave" onClick={() => look.wall(false)}>Leave the wall</button>
      </footer>
    </div>
  );
}

function Matters() {
  const { wrong, counts, total } = summary.value;
  const room = useRoom();
  const failing = counts.circuit_open + counts.unhealthy;
  const roots = wrong.filter((w) => w.kind !== 'close');
  const shown = roots.slice(0, roots.length > room ? Math.max(1, room - 1) : room);
  useEffect(() => seen(shown.map((w) => w.service)), [shown.map((w) => w.service).join()]);
  if (total === 0) return <p class="wall-well muted">No services yet</p>;
  if (roots.length === 0) return <Well failing={failing} />;
  return (
    <div class="wall-tiles" role="region" aria-label="What is wrong" tabIndex={0}>
      {shown.map((w) => <Big key={w.service} wrong={w} />)}
      {roots.length > shown.length && (
        <p class="wall-more"><b>and {count(roots.length - shown.length)} more</b>{roots.slice(shown.length, shown.length + 12).map((w) => <span key={w.service}>{w.service}</span>)}</p>
      )}
    </div>
  );
}

function Well({ failing }: { failing: number }) {
  const { total, wrong } = summary.value;
  const at = countedAt.value;
  let operations = 0;
  if (total <= 2_000) for (const service of entries.peek().keys()) operations += ringOf(service).rate(at, 10).operations;
  return (
    <div class="wall-well">
      <Shape status={failing > 0 ? 'degraded' : 'healthy'} />
      <h1>All well</h1>
      <p class="muted">
        {total <= 2_000 && `${rate(operations).replace('/s', '')} operations a second`}
        {wrong.length > 0 && `, ${wrong.length} close to failing: ${wrong.slice(0, 3).map((w) => w.service).join(', ')}`}
      </p>
    </div>
  );
}

function Big({ wrong }: { wrong: Wrong }) {
  const entry = entries.value.get(wrong.service);
  if (!entry) return null;
  return (
    <article class={`big on-${entry.status}`}>
      <header>
        <Shape status={entry.status} />
        <h2>{entry.service}</h2>
        <span class="big-since">{sinceText(entry, sinceOf(entry, turnedAt(entry.service)), shownAt.value)}</span>
      </header>
      <p class={`big-reason is-${entry.status}`}><Reason entry={entry} needs={failingDependencies(entry, entries.value).join(' ')} /></p>
      <Errors entry={entry} at={shownAt.value} name="big-error" />
      <Spark bars={recent(ringOf(entry.service), countedAt.value)} label="" />
      <p class="big-drags"><Drags wrong={wrong} /></p>
      <Seen service={entry.service} />
      <p class="big-advice"><Advice entry={entry} at={shownAt.value} /></p>
    </article>
  );
}

/** Who has acknowledged the alerts of a root, where somebody has. */
function Seen({ service }: { service: string }) {
  const known = incidents.value.find((incident) => incident.root === service);
  const by = known?.unseen === 0 ? known.seen?.by : undefined;
  return by === undefined ? null : <p class="big-seen">acknowledged by <Outside text={by} /></p>;
}

/** How many big tiles there is room for. */
function useRoom(): number {
  const [room, setRoom] = useState(6);
  useEffect(() => {
    const measure = () => {
      const [width, height] = [window.innerWidth, window.innerHeight - 110];
      setRoom(Math.max(1, Math.floor(width / 440)) * Math.max(1, Math.floor(height / 270)));
    };
    measure();
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, []);
  return room;
}
