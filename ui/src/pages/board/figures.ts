import type { Bar, Ring } from '../../live/ring';
import type { Entry } from '../../wire';
import { judgedApart } from '../../words';

/** The numbers of a tile. */
export interface Figures {
  rate: number; // operations a second over the last ten seconds
  rejected: number; // a second, likewise
  errors: number | null; // share of failures among the operations of the last minute; null: there were none
  p95: number | null; // milliseconds; null: not known
  failures: number; // in the window
  threshold: number; // of failures in the window; 0: none
}

export function figures(entry: Entry, ring: Ring, now: number): Figures {
  const { operations, rejected } = ring.rate(now, 10);
  return {
    rate: operations,
    rejected,
    errors: errorShare(ring, now),
    p95: entry.performance.p95OperationTimeMs > 0 ? entry.performance.p95OperationTimeMs : null,
    failures: entry.circuit_breaker.failures,
    threshold: !judgedApart(entry) && typeof entry.config.failureThreshold === 'number' ? entry.config.failureThreshold : 0,
  };
}

export function errorShare(ring: Ring, now: number): number | null {
  const minute = ring.rate(now, 60);
  return minute.operations > 0 ? minute.failed / minute.operations : null;
}

/** The last five minutes in whole spans of `step` milliseconds: the present one is not over and would look like a fall. */
export const recent = (ring: Ring, now: number, step = 4_000): Bar[] => ring.bars(now - (now % step), step, 300_000 / step);
