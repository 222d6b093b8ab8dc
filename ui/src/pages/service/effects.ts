import { rate } from '../../format';
import type { Entry, Series } from '../../wire';
import type { Counts } from './timeline';

// What an order will do, told before it is given.

/** The services that depend on one: directly, and through others. */
export function dependants(service: string, entries: ReadonlyMap<string, Entry>): { direct: string[]; indirect: string[] } {
  const of = new Map<string, string[]>();
  for (const e of entries.values()) {
    for (const d of e.dependencies) {
      const list = of.get(d);
      if (list) list.push(e.service);
      else of.set(d, [e.service]);
    }
  }
  const direct = (of.get(service) ?? []).sort();
  const seen = new Set([service, ...direct]);
  const indirect: string[] = [];
  for (const queue = [...direct]; queue.length > 0; ) {
    for (const next of of.get(queue.shift()!) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      indirect.push(next);
      queue.push(next);
    }
  }
  return { direct, indirect: indirect.sort() };
}

/** Operations a second over all of a series; null for one that is empty in time. */
export function averageOf(series: Series): Counts | null {
  const seconds = (Date.parse(series.to) - Date.parse(series.from)) / 1_000;
  if (!(seconds > 0)) return null;
  const sum: Counts = { successful: 0, failed: 0, ignored: 0, rejected: 0 };
  for (const p of series.points) {
    for (const n of ['successful', 'failed', 'ignored', 'rejected'] as const) sum[n] += p[n] / seconds;
  }
  return sum;
}

const demand = (c: Counts) => c.successful + c.failed + c.ignored + c.rejected;

/** “about 120 operations a second”, or less where there are few. */
export function aSecond(n: number): string {
  if (n === 0) return 'no operations';
  if (n >= 1) return `about ${rate(n).replace('/s', '')} operations a second`;
  const minute = n * 60;
  return minute >= 1 ? `about ${Math.round(minute)} operations a minute` : 'less than one operation a minute';
}

export type Order = 'forced_open' | 'forced_closed' | 'closed' | 'half_open' | 'end';

const unknown = 'How many operations come is not known yet.';

/** What an order does, in sentences; counts are the operations a second of late. */
export function effect(order: Order, entry: Entry, counts: Counts | null): string[] {
  const cb = entry.circuit_breaker;
  const asked = counts ? demand(counts) : null;
  const probed = entry.health_check !== null || entry.health.checked_at !== null;
  const recovery = probed
    ? 'A recovery begins: the health check runs first, and nothing is let in before it has passed.'
    : 'A recovery begins: one operation at a time is let in until one succeeds, then more, step by step.';
  switch (order) {
    case 'forced_open':
      return [
        asked === null ? unknown : cb.is_open ? `Nothing is let in now; ${aSecond(asked)} will go on being refused.` : `${sentence(aSecond(asked))} will be refused.`,
        'When it ends the circuit goes to half-open: the service must prove itself first.',
      ];
    case 'forced_closed':
      return [
        asked === null ? unknown : `All operations are let in, even if every one fails: ${aSecond(asked)}${cb.is_open ? ', which are refused now' : ''}.`,
        'The circuit cannot open until it ends; then it is closed, with nothing counted.',
      ];
    case 'closed':
      return [
        cb.state === 'closed' ? 'The circuit is closed already: the failures in its window are forgotten.'
          : `The circuit closes at once, without a recovery${asked === null ? '' : `: ${aSecond(asked)} will reach the service`}.`,
        'What was counted in the window is cleared. History stays.',
      ];
    case 'half_open':
      return [recovery, 'If it fails, the circuit opens again, for longer.'];
    case 'end':
      return cb.override?.mode === 'forced_open'
        ? [recovery]
        : ['The circuit is closed, with nothing counted: it opens again only by new failures.'];
  }
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** The ends that are offered for an override. */
export const ends = [
  { name: '15 m', ms: 15 * 60_000 },
  { name: '1 h', ms: 3_600_000 },
  { name: '4 h', ms: 4 * 3_600_000 },
];

/** Milliseconds of “90m”, “1h 30m”, “45 s”; NaN for what is none. */
export function spanFrom(text: string): number {
  const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)\s*([smhd])/g)];
  const whole = parts.map((p) => p[0]).join('').replaceAll(/\s/g, '');
  if (parts.length === 0 || whole !== text.replaceAll(/\s/g, '')) return NaN;
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * units[unit!]!, 0);
}
