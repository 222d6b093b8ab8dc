import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

import { count, rate, share, span } from '../../format';
import { board, countedAt, entries, shownAt, turnedAt } from '../../live/live';
import type { Bar } from '../../live/ring';
import { summary } from '../../live/summary';
import { Shape } from '../../parts/badge';
import { Spark } from '../../parts/spark';
import { moment } from '../../route';
import { Card } from './card';
import { recent } from './figures';
import { ringOf, seeds } from './seed';
import { failingDependencies, type Wrong } from './wrong';
import './strip.css';

// Who has more roots than that has one cause that is not on the board.
const most = 60;

/** Pixels that a card needs, with the gap to the next. The style sheet has the same. */
const cardWidth = 332;

/** How many cards stand below one line of them before the rest waits behind a button. */
const spare = 2;

/** What is wrong, in one look: the roots of failure, or that all is well. */
export function Strip() {
  const [all, setAll] = useState(false);
  const ref = useRef<HTMLElement>(null);
  const columns = useColumns(ref);
  const { wrong } = summary.value;
  const list = wrong.filter((w) => w.kind !== 'close');
  const shown = list.length > 0 ? list : wrong;
  const first = Math.max(columns, 2);
  const more = shown.length > first + spare ? shown.length - first : 0;
  return (
    <section class="strip" aria-label="What is wrong" ref={ref}>
      <Verdict more={more} all={all} toggle={() => setAll(!all)} />
      {shown.length > 0
        ? <div class="strip-cards"><Cards wrong={shown.slice(0, more > 0 && !all ? first : most)} /></div>
        : <Calm />}
    </section>
  );
}

/** How many cards stand side by side. */
function useColumns(ref: { current: HTMLElement | null }): number {
  const [columns, setColumns] = useState(3);
  useLayoutEffect(() => {
    const measure = () => {
      const width = ref.current?.querySelector('.strip-cards')?.clientWidth;
      if (width) setColumns(Math.max(1, Math.floor((width + 12) / cardWidth)));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current!);
    measure();
    return () => observer.disconnect();
  }, []);
  return columns;
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
      {more > 0 && <button type="button" class="button quiet verdict-more" aria-expanded={all} onClick={toggle}>{all ? 'Show less' : `Show ${more} more`}</button>}
    </div>
  );
}

/** Nothing is wrong: what the fleet does instead. */
function Calm() {
  const { total, counts } = summary.value;
  const at = countedAt.value;
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
        {latest > 0 && moment.value === null && <div><dt>last change</dt><dd>{span(shownAt.value - latest)} ago</dd></div>}
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
        return entry && <Card key={w.service} wrong={w} entry={entry} needs={failingDependencies(entry, all).join(' ')} turned={turnedAt(w.service)} at={at} />;
      })}
    </>
  );
}
