import { signal, useComputed, type Signal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { duration, local, rate } from '../../format';
import { board, now, shownAt } from '../../live/live';
import { moment, parameter, setParameters, travel } from '../../route';
import type { Entry, ServiceEvent } from '../../wire';
import { bands as bandsOf, standingWords, type Band, type Standing } from './bands';
import { ChartTable } from './charttable';
import type { ServiceData } from './data';
import { EventCard } from './eventcard';
import { Marks, StateStrip } from './lane';
import { gutter, Plot, type Line } from './plot';
import { panBy, rangeOf, ranges, usualRange, viewOf, zoomBy, zoomOf, type Stretch, type View } from './ranges';
import { standingAt, summary } from './summary';
import { indexAt, timeline, type Timeline } from './timeline';

const quick = 10_000; // up to this step the charts move each second, else each ten

/** The stretch of time that the URL says, and whether it has changed since it was shown. */
function useView(data: ServiceData): View {
  const before = useRef<Stretch | null>(null);
  const range = rangeOf(parameter('range')).ms;
  const zoom = zoomOf(parameter('from'), parameter('to'));
  const beat = data.step.value <= quick ? 1_000 : quick;
  const at = Math.floor(now.value / beat) * beat;
  const view = viewOf({ zoom, range, moment: moment.value, now: at, before: before.current });
  before.current = view.live ? null : view;
  const asked = view.live ? `live ${range}` : `${view.from} ${view.to}`;
  useEffect(() => data.show(view), [data, asked]);
  return view;
}

export function Charts({ data, entry }: { data: ServiceData; entry: Entry | undefined }) {
  const view = useView(data);
  const cursor = useMemo(() => signal<number | null>(null), []);
  const marked = useMemo(() => signal<number | null>(null), []);
  const [opened, open] = useState<readonly ServiceEvent[]>([]);
  const width = useWidth();
  data.sampled.value;

  const series = data.series.value;
  const knownTo = view.live ? board.heardAt.peek() : series ? Date.parse(series.to) : 0;
  const window = Number(entry?.config['monitoringWindowMs'] ?? 300_000);
  const line = timeline(series, data.samples.list, view, data.step.value, knownTo, window);
  const lost = view.live && board.connection.value !== 'live';
  const bands = useBands(data, lost ? { from: view.from, to: Math.max(view.from, Math.min(view.to, knownTo)) } : view, line);
  const words = view.live ? `the last ${rangeOf(parameter('range')).words}` : `${local(view.from, now.value)} to ${local(view.to, now.value)}`;
  const zoom = (to: Stretch) => setParameters({ from: new Date(to.from).toISOString(), to: new Date(to.to).toISOString() }, { replace: false });
  const shared = {
    view, at: line.at, bands, moment: moment.value, marked: marked.value, zoom,
    point: (at: number | null) => (cursor.value = at),
  };
  const told = summary(line, bands, words);
  return (
    <section class="card svc-charts" aria-labelledby="svc-charts-title">
      <header class="row svc-charts-head">
        <h2 id="svc-charts-title">Charts</h2>
        <span class="muted svc-charts-when"><CursorTime cursor={cursor} live={view.live && !lost} bands={bands} words={lost ? `not live: nothing is known since ${local(knownTo, now.value)}` : words} /></span>
        <span class="spread" />
        <Ranges view={view} zoom={zoom} />
      </header>
      {data.error.value !== '' && <p class="svc-alert" role="alert">The charts cannot be loaded: {data.error.value}</p>}
      <div ref={width.ref}>
        <StateStrip bands={bands} view={view} width={width.px - gutter.left - gutter.right} />
        <Marks events={data.events.value} view={view} width={width.px - gutter.left - gutter.right} opened={opened} open={open} point={(at) => (marked.value = at)} />
        {opened.length > 0 && <EventCard events={opened} close={() => open([])} travel={(at) => travel(at)} />}
        <figure>
          <Legend name="Operations" cursor={cursor} line={line} values={[
            ['successful', 'good', line.successful, rate], ['failed', 'failed', line.failed, rate], ['ignored', 'ignored', line.ignored, rate]]} />
          <Plot {...shared} height={150} axis={false} bars format={rate} least={1} lines={stack(line)} />
        </figure>
        <figure>
          <Legend name="Rejections" cursor={cursor} line={line} values={[['rejected', 'rejected', line.rejected, rate]]} />
          <Plot {...shared} height={74} axis={false} bars format={rate} least={1}
            lines={[{ name: 'rejected', values: some(line.rejected), colour: (p) => p.rejected, width: 1 }]} />
        </figure>
        <figure>
          <Legend name="Durations" cursor={cursor} line={line} values={[
            ['p50', 'p50', line.p50, duration], ['p95', 'p95', line.p95, duration], ['p99', 'p99', line.p99, duration]]} />
          <Plot {...shared} height={156} axis bars={false} format={duration} least={1} lines={[
            { name: 'p50', values: line.p50, colour: (p) => p.muted, width: 1.25 },
            { name: 'p95', values: line.p95, colour: (p) => p.accent, width: 2 },
            { name: 'p99', values: line.p99, colour: (p) => p.accent, width: 1.25, dash: [4, 3] }]} />
        </figure>
      </div>
      <p class="muted svc-summary">{told}</p>
      <ChartTable line={line} bands={bands} />
    </section>
  );
}

/** The outcomes on each other, the failed lowest; the highest is drawn first. */
function stack(t: Timeline): Line[] {
  const sum = (...lists: (number | null)[][]) =>
    t.at.map((_, i) => lists.reduce<number | null>((s, l) => (l[i] === null ? null : (s ?? 0) + l[i]!), null));
  return [
    { name: 'ignored', values: sum(t.failed, t.successful, t.ignored), colour: (p) => p.ignored, width: 0 },
    { name: 'successful', values: sum(t.failed, t.successful), colour: (p) => p.good, width: 0 },
    { name: 'failed', values: some(t.failed), colour: (p) => p.failed, width: 1 },
  ];
}

/** Without the nothing: a line along the bottom would look like a little. */
const some = (list: (number | null)[]) => list.map((n) => (n === 0 ? null : n));

function useBands(data: ServiceData, view: Stretch, line: Timeline): Band[] {
  const events = data.events.value;
  const oldest = events.at(-1);
  const complete = data.eventsFrom.value === -Infinity;
  const live = board.entries.get(data.service)?.circuit_breaker;
  const steps = line.at.flatMap((at, i) => {
    const [state, mode] = [line.state[i], line.mode[i]];
    return state && mode ? [{ at, standing: (mode === 'auto' ? state : mode) as Standing }] : [];
  });
  const enabled = data.versions.value.map((v) => ({ at: Date.parse(v.at), enabled: v.config['enabled'] !== false })).sort((a, b) => a.at - b.at);
  return bandsOf(view, {
    events,
    from: complete && oldest?.kind === 'registered' ? Date.parse(oldest.at) : data.eventsFrom.value,
    end: live ?? null,
    enabled: enabled.filter((e, i) => i > 0 && enabled[i - 1]!.enabled !== e.enabled),
    gaps: (data.series.value?.gaps ?? []).map((g) => ({ from: Math.max(view.from, Date.parse(g.from)), to: Math.min(view.to, Date.parse(g.to)) })).filter((g) => g.to > g.from),
    steps,
  });
}

function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [px, set] = useState(800);
  useEffect(() => {
    const sizes = new ResizeObserver(([e]) => e && set(e.contentRect.width));
    sizes.observe(ref.current!);
    return () => sizes.disconnect();
  }, []);
  return { ref, px };
}

/** The time at the cursor, else that which the charts show. */
function CursorTime({ cursor, live, bands, words }: { cursor: Signal<number | null>; live: boolean; bands: readonly Band[]; words: string }) {
  const at = cursor.value;
  if (at === null) return <>{live ? <><span class="svc-live" aria-hidden="true" />live · {words}</> : words}</>;
  const standing = standingAt(bands, at);
  return <>{local(at, shownAt.value)}{standing && ` · ${standingWords[standing]}`}</>;
}

type Value = [name: string, mark: string, values: (number | null)[], format: (n: number) => string];

/** What the lines are, with their values at the cursor, else the last. */
function Legend({ name, cursor, line, values }: { name: string; cursor: Signal<number | null>; line: Timeline; values: Value[] }) {
  const at = cursor.value;
  return (
    <figcaption class="svc-legend">
      <strong>{name}</strong>
      {values.map(([word, mark, list, format]) => {
        const value = at === null ? list.findLast((n) => n !== null) : list[indexAt(line, at)];
        return (
          <span key={word} class="svc-key">
            <i class={`svc-swatch is-${mark}`} aria-hidden="true" />
            {word} <b>{value === null || value === undefined ? '–' : format(value)}</b>
          </span>
        );
      })}
    </figcaption>
  );
}

function Ranges({ view, zoom }: { view: View; zoom: (to: Stretch) => void }) {
  const zoomed = useComputed(() => zoomOf(parameter('from'), parameter('to')) !== null);
  const name = rangeOf(parameter('range')).name;
  const choose = (range: string) => setParameters({ range: range === usualRange ? '' : range, from: '', to: '' });
  return (
    <div class="row svc-ranges">
      <div class="segments" role="group" aria-label="How much time the charts show">
        {ranges.map((r) => (
          <button key={r.name} type="button" aria-pressed={!zoomed.value && r.name === name} title={r.words} onClick={() => choose(r.name)}>{r.name}</button>
        ))}
      </div>
      <div class="segments" role="group" aria-label="Move and zoom; drag on a chart does it too">
        <button type="button" aria-label="Earlier" title="Earlier" onClick={() => zoom(panBy(view, -0.5, board.now()))}>‹</button>
        <button type="button" aria-label="Later" title="Later" onClick={() => zoom(panBy(view, 0.5, board.now()))} disabled={view.to >= now.value - 1_000}>›</button>
        <button type="button" aria-label="Zoom in" title="Zoom in" onClick={() => zoom(zoomBy(view, 0.5, board.now()))}>+</button>
        <button type="button" aria-label="Zoom out" title="Zoom out" onClick={() => zoom(zoomBy(view, 2, board.now()))}>−</button>
      </div>
      {zoomed.value && <button type="button" class="button" onClick={() => setParameters({ from: '', to: '' })}>{moment.value === null ? 'Back to live' : 'Zoom off'}</button>}
    </div>
  );
}
