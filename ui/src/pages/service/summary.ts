import { count, duration, share, span } from '../../format';
import { lasting, standingWords, type Band, type Standing } from './bands';
import type { Timeline } from './timeline';

/** Rows of a table of the charts, the newest first. */
export interface Row {
  at: number;
  standing: string;
  successful: number | null;
  failed: number | null;
  ignored: number | null;
  rejected: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

const sum = (list: readonly (number | null)[], step: number) => list.reduce<number>((s, n) => s + ((n ?? 0) * step) / 1_000, 0);

const highest = (list: readonly (number | null)[]) => list.reduce<number>((m, n) => Math.max(m, n ?? 0), 0);

/** What the charts show, in a few sentences. */
export function summary(t: Timeline, bands: readonly Band[], words: string): string {
  if (t.at.length === 0) return `Nothing is known of ${words}.`;
  const [good, failed, rejected] = [sum(t.successful, t.step), sum(t.failed, t.step), sum(t.rejected, t.step)];
  const total = good + failed;
  const out = [`${upper(words)}: ${total < 0.5 ? 'no operations' : `${count(total)} operations, ${share(failed / total)} failed`}, ${rejected < 0.5 ? 'none' : count(rejected)} rejected.`];
  const peak = highest(t.p95);
  const last = t.p95.findLast((n) => n !== null);
  if (last !== undefined && last !== null) out.push(`The 95th percentile is ${duration(last)}, at most ${duration(peak)}.`);
  const opened = timesOpen(bands);
  if (opened > 0) out.push(`The circuit was open ${opened === 1 ? 'once' : `${opened} times`}, for ${span(lasting(bands, 'open'))} in all.`);
  else if (bands.some((b) => b.kind === 'closed')) out.push('The circuit was never open.');
  for (const kind of ['forced_open', 'forced_closed', 'disabled', 'gap'] as const) {
    const ms = lasting(bands, kind);
    if (ms > 0) out.push(kind === 'gap' ? `For ${span(ms)} no manager ran.` : `It was ${standingWords[kind]} for ${span(ms)}.`);
  }
  return out.join(' ');
}

/** How often the circuit opened: whatever cuts an opening in two, a recovery, an override or the end of a manager, it is one until it has closed. */
function timesOpen(bands: readonly Band[]): number {
  let [n, down] = [0, false];
  for (const { kind } of bands) {
    if (kind === 'open' && !down) n++;
    if (kind === 'open') down = true;
    else if (kind === 'closed' || kind === 'forced_closed') down = false;
  }
  return n;
}

const upper = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);

/** How the circuit stood at a moment. */
export const standingAt = (bands: readonly Band[], at: number): Standing | null =>
  bands.findLast((b) => b.from <= at && at < b.to)?.kind ?? null;

/** The timeline as at most so many rows: steps are put together where there are more. */
export function rows(t: Timeline, bands: readonly Band[], most = 60): Row[] {
  const each = Math.max(1, Math.ceil(t.at.length / most));
  const out: Row[] = [];
  for (let i = 0; i < t.at.length; i += each) {
    const mean = (list: readonly (number | null)[]) => {
      const known = list.slice(i, i + each).filter((n) => n !== null);
      return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
    };
    const most = (list: readonly (number | null)[]) => (list.slice(i, i + each).some((n) => n !== null) ? highest(list.slice(i, i + each)) : null);
    const kinds = new Set(bands.filter((b) => b.from < t.at[i]! + each * t.step && b.to > t.at[i]!).map((b) => standingWords[b.kind]));
    out.push({
      at: t.at[i]!, standing: [...kinds].join(', '),
      successful: mean(t.successful), failed: mean(t.failed), ignored: mean(t.ignored), rejected: mean(t.rejected),
      p50: most(t.p50), p95: most(t.p95), p99: most(t.p99),
    });
  }
  return out.reverse();
}
