import { useMemo, useState } from 'preact/hooks';

import { count, rate, share, span } from '../../format';
import { board, entries, shownAt } from '../../live/live';
import type { Bar } from '../../live/ring';
import { summary } from '../../live/summary';
import { Shape } from '../../parts/badge';
import { Spark } from '../../parts/spark';
import { memo } from '../../parts/memo';
import { Countdown } from '../../parts/moment';
import { moment, serviceURL } from '../../route';
import type { Entry } from '../../wire';
import { modeWords, ruleText } from '../../words';
import { recent } from './figures';
import { adviceOf } from './note';
import { ringOf, seeds } from './seed';
import { since, type Wrong } from './wrong';
import './strip.css';

// Who has more roots than the most has one cause that is not on the board.
const cards = { few: 8, most: 60 };

/** What is wrong, in one look: the roots of failure, or that all is well. */
export function Strip() {
  const [all, setAll] = useState(false);
  const { wrong } = summary.value;
  const list = wrong.filter((w) => w.kind !== 'close');
  const shown = list.length > 0 ? list : wrong;
  return (
    <section class={`strip${all ? ' all' : ''}`} aria-label="What is wrong">
      <Verdict more={shown.length > 1 ? shown.length : 0} all={all} toggle={() => setAll(!all)} />
      {shown.length > 0
        ? <div class="strip-cards"><Cards wrong={shown.slice(0, all ? cards.most : cards.few)} /></div>
        : <Calm />}
    </section>
  );
}

function Verdict({ more, all, toggle }: { more: number; all: boolean; toggle: () => void }) {
  const { wrong, counts, total } = summary.value;
  const failing = counts.circuit_open + counts.unhealthy;
  const recovering = wrong.filter((w) => w.kind === 'recovering').length;
  const close = wrong.filter((w) => w.kind === 'close').length;
  const loading = moment.value === null && !board.known.value;
  const [status, words] = failing === 0 && loading ? (['unknown', `Loading … ${share(board.loaded.value)}`] as const)
    : failing > 0 ? (['circuit_open', `${count(failing)} failing`] as const)
    : recovering > 0 ? (['degraded', `${count(recovering)} recovering`] as const)
    : close > 0 ? (['degraded', `${count(close)} close to failing`] as const)
    : (['healthy', 'All well'] as const);
  const roots = wrong.filter((w) => w.kind === 'failing' || w.kind === 'forced').length;
  return (
    <div class="verdict">
      <h1 class={`is-${status}`}><Shape status={status} /> {words}</h1>
      <p class="muted">
        {failing > roots && roots > 0 && <>from {roots === 1 ? 'one root' : `${roots} roots`}<br /></>}
        of {count(total)} {total === 1 ? 'service' : 'services'}{counts.degraded > 0 && `, ${count(counts.degraded)} degraded`}
      </p>
      {more > 0 && <button type="button" class="button quiet verdict-more" aria-expanded={all} onClick={toggle}>{all ? 'Less' : `Show all ${more}`}</button>}
    </div>
  );
}

/** Nothing is wrong: what the fleet does instead. */
function Calm() {
  const { total, counts } = summary.value;
  const at = shownAt.value;
  const sum = total <= 2_000; // of more it would cost more than it tells
  const all = entries.peek();
  let [operations, latest] = [0, 0];
  for (const service of all.keys()) {
    if (sum) operations += ringOf(service).rate(at, 10).operations;
    latest = Math.max(latest, board.changedAt(service));
  }
  const bars = useMemo(() => (sum ? together(all.keys(), at) : []), [Math.floor(at / step), total, seeds.value]);
  return (
    <div class="calm">
      <dl>
        {sum && <div><dt>operations</dt><dd>{rate(operations)}</dd></div>}
        {counts.unknown > 0 && <div><dt>nothing known of</dt><dd>{count(counts.unknown)}</dd></div>}
        {latest > 0 && moment.value === null && <div><dt>last change</dt><dd>{span(at - latest)} ago</dd></div>}
      </dl>
      {sum && <Spark bars={bars} label="Operations of all services in the last five minutes" />}
    </div>
  );
}

const step = 4_000;

/** The bars of many services in one. */
function together(services: Iterable<string>, at: number): Bar[] {
  let sum: Bar[] = [];
  for (const service of services) {
    const bars = recent(ringOf(service), at, step);
    if (sum.length === 0) sum = bars;
    else {
      bars.forEach((bar, i) => {
        const into = sum[i]!;
        into.successful += bar.successful;
        into.failed += bar.failed;
        into.rejected += bar.rejected;
      });
    }
  }
  return sum;
}

function Cards({ wrong }: { wrong: Wrong[] }) {
  const all = entries.value;
  const at = shownAt.value;
  return (
    <>
      {wrong.map((w) => {
        const entry = all.get(w.service);
        return entry && <Card key={w.service} wrong={w} entry={entry} at={at} />;
      })}
    </>
  );
}

/** A root of failure: since when, why, the last error, what it drags down, and what happens next. */
export const Card = memo(function Card({ wrong, entry, at }: { wrong: Wrong; entry: Entry; at: number }) {
  const begun = since(entry);
  const error = errorOf(entry);
  return (
    <a class={`card-wrong on-${entry.status}`} href={serviceURL(entry.service)}>
      <span class="card-head">
        <Shape status={entry.status} />
        <b>{entry.service}</b>
        {begun > 0 && <span class="card-since">for {span(at - begun)}</span>}
      </span>
      <span class={`card-rule is-${entry.status}`}>{reasonOf(entry)}</span>
      <span class="card-error" title={error}>{error || <span class="muted">no error was told</span>}</span>
      <Drags wrong={wrong} />
      <span class="card-advice">
        <span><Advice entry={entry} at={at} /></span>
        <span class="card-open">Open ›</span>
      </span>
    </a>
  );
});

/** What happens next, or what to do. */
export function Advice({ entry, at }: { entry: Entry; at: number }) {
  const { text, until } = adviceOf(entry);
  if (!until) return <>{text}</>;
  return <>{text} {Date.parse(until) > at ? <>in <b><Countdown to={until} from={at} /></b></> : <b>now</b>}</>;
}

export function Drags({ wrong }: { wrong: Wrong }) {
  const { drags, dependents } = wrong;
  if (drags.length > 0) return <span class="card-drags">drags down <b>{drags.length}</b>: {drags.slice(0, 20).join(', ')}</span>;
  if (dependents > 0) return <span class="card-drags muted">{dependents === 1 ? 'one service depends on it, and is not worse for it yet' : `${dependents} services depend on it, none is worse for it yet`}</span>;
  return <span class="card-drags muted">no service depends on it</span>;
}

/** Why a service is as it is, in a line. */
export function reasonOf(entry: Entry): string {
  const c = entry.circuit_breaker;
  if (c.override) return `${modeWords[c.override.mode]} by ${c.override.actor}: ${c.override.reason}`;
  if (c.state === 'half_open') return 'circuit half-open: on trial';
  if (c.state === 'open') {
    const rule = ruleText(c.trip?.rule);
    const numbers = c.trip && c.trip.failures + c.trip.successes > 0 ? ` (${count(c.trip.failures)} of ${count(c.trip.failures + c.trip.successes)} operations)` : '';
    return rule ? `circuit open: ${rule}${numbers}` : 'circuit open';
  }
  if (!entry.running) return 'not running';
  if (entry.health.healthy === false) return `health check failed${entry.health.consecutive_failures > 1 ? ` ${entry.health.consecutive_failures} times in a row` : ''}`;
  if (entry.instances.open > 0) return `open on ${entry.instances.open} of ${entry.instances.total} instances`;
  return `${c.failures} ${c.failures === 1 ? 'failure' : 'failures'} in the window${entry.config.failureThreshold ? `, ${entry.config.failureThreshold} open it` : ''}`;
}

export function errorOf(entry: Entry): string {
  const c = entry.circuit_breaker;
  if (c.state !== 'closed' && c.trip?.last_error) return c.trip.last_error;
  if (c.state === 'half_open') return `${share(c.admitted_share)} of the operations let in`;
  if (entry.health.healthy === false && entry.health.error) return entry.health.error;
  return c.last_error ?? '';
}
