import type { CircuitState, Entry, Mode, Point, Series } from '../../wire';
import type { Stretch } from './ranges';

/** One look at a service. */
export interface Sample {
  at: number; // milliseconds since 1970, by the manager's clock
  successful: number;
  failed: number;
  ignored: number;
  rejected: number;
  p50: number;
  p95: number;
  p99: number;
}

export const sampleOf = (entry: Entry, at: number): Sample => ({
  at,
  successful: entry.operations.successful,
  failed: entry.operations.failed,
  ignored: entry.operations.ignored,
  rejected: entry.operations.rejected,
  p50: entry.performance.p50OperationTimeMs,
  p95: entry.performance.p95OperationTimeMs,
  p99: entry.performance.p99OperationTimeMs,
});

const room = 7_200;
const updateEvery = 1_500; // milliseconds: of a busy service an update comes each second

const counts = ['successful', 'failed', 'ignored', 'rejected'] as const;
type Count = (typeof counts)[number];
export type Counts = Record<Count, number>;

/** What the stream has said of one service since the page was opened. */
export class Samples {
  list: Sample[] = [];

  /** Takes a sample; true if there are so many that the series should be asked for anew. */
  push(sample: Sample): boolean {
    const last = this.list.at(-1);
    if (last && sample.at <= last.at) this.list.pop();
    this.list.push(sample);
    if (this.list.length > 2 * room) this.list = this.list.slice(-room);
    return this.list.length > room;
  }

  /** Forgets what the series tell, but for one sample to count from. */
  forget(before: number): void {
    const keep = this.list.findLastIndex((s) => s.at <= before);
    if (keep > 0) this.list = this.list.slice(keep);
  }

  /** Operations a second in the last milliseconds; null where that is not known yet. */
  rate(now: number, ms = 10_000): Counts | null {
    const last = this.list.at(-1);
    const first = this.list.findLast((s) => s.at <= now - ms) ?? this.list[0];
    if (!last || !first || now - first.at < 1_500) return null;
    const seconds = Math.min(now - first.at, Math.max(ms, last.at - first.at)) / 1_000;
    const per = (n: Count) => Math.max(0, last[n] - first[n]) / seconds;
    return { successful: per('successful'), failed: per('failed'), ignored: per('ignored'), rejected: per('rejected') };
  }
}

/** What the charts draw: for each step a rate a second or a percentile; null where nothing is known. */
export interface Timeline {
  step: number;
  at: number[]; // milliseconds, the start of each step
  successful: (number | null)[];
  failed: (number | null)[];
  ignored: (number | null)[];
  rejected: (number | null)[];
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
  state: (CircuitState | null)[];
  mode: (Mode | null)[];
}

interface Slot {
  counts: Counts;
  p50: number;
  p95: number;
  p99: number;
  state: CircuitState | null;
  mode: Mode | null;
}

/**
 * Joins what the manager kept with what the stream told since. Both are sparse:
 * a step of which nothing is said had no operations, unless no manager ran, it
 * has not ended yet, or the stream has not got so far (knownTo).
 */
export function timeline(
  series: Series | null, samples: readonly Sample[], view: Stretch, step: number, knownTo: number, window: number,
): Timeline {
  const out: Timeline = { step, at: [], successful: [], failed: [], ignored: [], rejected: [], p50: [], p95: [], p99: [], state: [], mode: [] };
  if (!series) return out;
  const slots = slotsOf(series, samples, step);
  const gaps = series.gaps.map((g) => ({ from: Date.parse(g.from), to: Date.parse(g.to) }));
  const start = Math.floor(Date.parse(series.from) / step) * step;
  let last: { at: number; slot: Slot } | null = null;
  for (let at = Math.floor(view.from / step) * step; at < view.to; at += step) {
    const slot = slots.get(at);
    const end = Math.min(at + step, knownTo);
    const elapsed = end - at;
    const known = at >= start && elapsed >= Math.min(step, 2_000) && (slot !== undefined || !mostlyIn(gaps, at, step));
    out.at.push(at);
    for (const n of counts) out[n].push(known ? ((slot?.counts[n] ?? 0) * 1_000) / elapsed : null);
    if (slot && slot.p99 > 0) last = { at, slot };
    else if (!known && elapsed > 0) last = null;
    const p = known && last && at - last.at <= Math.max(window, 2 * step) ? last.slot : null;
    out.p50.push(p?.p50 ?? null);
    out.p95.push(p?.p95 ?? null);
    out.p99.push(p?.p99 ?? null);
    out.state.push(slot?.state ?? null);
    out.mode.push(slot?.mode ?? null);
  }
  return out;
}

const mostlyIn = (gaps: Stretch[], at: number, step: number): boolean =>
  gaps.reduce((sum, g) => sum + Math.max(0, Math.min(g.to, at + step) - Math.max(g.from, at)), 0) > step / 2;

function slotsOf(series: Series, samples: readonly Sample[], step: number): Map<number, Slot> {
  const slots = new Map<number, Slot>();
  const slotAt = (at: number): Slot => {
    const key = Math.floor(at / step) * step;
    let slot = slots.get(key);
    if (!slot) slots.set(key, (slot = { counts: { successful: 0, failed: 0, ignored: 0, rejected: 0 }, p50: 0, p95: 0, p99: 0, state: null, mode: null }));
    return slot;
  };
  for (const p of series.points) addPoint(slotAt(Date.parse(p.at)), p);
  const told = Math.floor(Date.parse(series.to) / 1_000) * 1_000; // up to here the series have it: they are written each second
  for (let i = 1; i < samples.length; i++) {
    const [a, b] = [samples[i - 1]!, samples[i]!];
    if (b.at <= told || counts.some((n) => b[n] < a[n])) continue; // else the counts began anew
    Object.assign(slotAt(b.at), { p50: b.p50, p95: b.p95, p99: b.p99 });
    const from = Math.max(a.at, b.at - updateEvery);
    spread(Math.max(from, told), b.at, step, (at, ms) => {
      const part = ms / (b.at - from);
      const slot = slotAt(at);
      for (const n of counts) slot.counts[n] += (b[n] - a[n]) * part;
    });
  }
  return slots;
}

function addPoint(slot: Slot, p: Point): void {
  for (const n of counts) slot.counts[n] += p[n];
  if (p.p99_ms > 0) Object.assign(slot, { p50: p.p50_ms, p95: p.p95_ms, p99: p.p99_ms });
  Object.assign(slot, { state: p.state, mode: p.mode });
}

/** Calls add with each step that (from, to] touches, and for how long. */
function spread(from: number, to: number, step: number, add: (at: number, ms: number) => void): void {
  for (let at = Math.floor(from / step) * step; at < to; at += step) {
    const ms = Math.min(at + step, to) - Math.max(at, from);
    if (ms > 0) add(at, ms);
  }
}

/** The index of the step that a moment is in; -1 outside. */
export function indexAt(t: Timeline, at: number): number {
  const i = Math.floor((at - (t.at[0] ?? Infinity)) / t.step);
  return i >= 0 && i < t.at.length ? i : -1;
}
