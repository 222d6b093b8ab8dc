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

/** What comes to a service a second: the operations of those who use it, and the manager's own checks, which go on whatever is ordered. */
export interface Demand extends Counts {
  checks: number;
}

const kinds = ['successful', 'failed', 'ignored', 'rejected'] as const;

/**
 * What came a second over the time of a series of which something is known;
 * null where that is nothing, as in the first second of a service.
 */
export function demandOf(series: Series, entry: Entry): Demand | null {
  const to = Date.parse(series.to);
  const from = Date.parse(series.points[0]?.at ?? series.to); // it stands at the beginning of the time that is known
  const gaps = series.gaps.reduce((sum, g) => sum + Math.max(0, Math.min(to, Date.parse(g.to)) - Math.max(from, Date.parse(g.from))), 0);
  const seconds = (to - from - gaps) / 1_000;
  if (!(seconds > 0)) return null;
  const sum: Demand = { successful: 0, failed: 0, ignored: 0, rejected: 0, checks: 0 };
  for (const p of series.points) for (const n of kinds) sum[n] += p[n];
  const all = sum.successful + sum.failed;
  if (isNothing(sum) && lastOutcome(entry) > to - late) return null; // the series have it in a moment
  const checks = Math.min(checksIn(series, entry), seconds / (interval(entry) / 1_000));
  // Checks come when they are due or a little later, and somebody may order one: what is about as much is theirs alone.
  sum.checks = checks > 0 && all <= checks * 1.03 + 1.5 ? all : checks;
  for (const n of [...kinds, 'checks'] as const) sum[n] /= seconds;
  return sum;
}

/** How far apart the manager's own checks are that count as operations, in milliseconds. */
function interval({ health_check: probe, config }: Entry): number {
  const ms = Number(config['healthCheckIntervalMs'] ?? 0);
  return probe !== null && ms > 0 ? ms : Infinity;
}

const late = 3_000; // milliseconds until what happens is surely in the series

const lastOutcome = ({ circuit_breaker: c }: Entry): number => Math.max(...[c.last_success, c.last_failure].map((at) => (at ? Date.parse(at) : 0)));

/** How many checks the manager will have counted as operations: of a service that it probes, and not while nothing was let in. */
function checksIn(series: Series, entry: Entry): number {
  let ms = 0;
  series.points.forEach((p, i) => {
    const shut = p.mode === 'forced_open' || (p.mode === 'auto' && p.state === 'open');
    if (!shut) ms += Date.parse(series.points[i + 1]?.at ?? series.to) - Date.parse(p.at);
  });
  return ms / interval(entry);
}

/** Whether nothing at all came. */
export const isNothing = (d: Demand): boolean => kinds.every((n) => d[n] === 0);

/** The operations a second that somebody but the manager asks for. */
const asked = (d: Demand) => Math.max(0, d.successful + d.failed - d.checks) + d.ignored + d.rejected;

/** “about 120 operations a second”, or less where there are few. */
export function aSecond(n: number): string {
  if (n === 0) return 'no operations';
  const few = (count: number, per: string) => (Math.round(count) === 1 ? `about one operation ${per}` : `about ${Math.round(count)} operations ${per}`);
  if (n >= 0.95) return n < 1.05 ? 'about one operation a second' : `about ${rate(n).replace('/s', '')} operations a second`;
  const minute = n * 60;
  return minute >= 1 ? few(minute, 'a minute') : 'less than one operation a minute';
}

export type Order = 'forced_open' | 'forced_closed' | 'closed' | 'half_open' | 'end';

const unknown = 'How many operations come is not known yet.';
const onlyChecks = 'Only the manager\u2019s own checks run here; they go on.';

/** What an order does, in sentences; the demand is that of late. */
export function effect(order: Order, entry: Entry, demand: Demand | null): string[] {
  const cb = entry.circuit_breaker;
  const n = demand ? asked(demand) : null;
  const probed = entry.health_check !== null;
  const none = n === 0 && probed; // nobody but the manager
  const rest = probed && n !== null && n > 0 ? ' The manager\u2019s own checks go on.' : '';
  const recovery = probed || entry.health.checked_at !== null
    ? 'A recovery begins: the health check runs first, and nothing is let in before it has passed.'
    : 'A recovery begins: one operation at a time is let in until one succeeds, then more, step by step.';
  switch (order) {
    case 'forced_open':
      return [
        n === null ? unknown : none ? onlyChecks
          : (cb.is_open ? `Nothing is let in now; ${aSecond(n)} will go on being refused.` : `${sentence(aSecond(n))} will be refused.`) + rest,
        'When it ends the circuit goes to half-open: the service must prove itself first.',
      ];
    case 'forced_closed':
      return [
        n === null ? unknown : none ? onlyChecks
          : `All operations are let in, even if every one fails: ${aSecond(n)}${cb.is_open ? ', which are refused now' : ''}.`,
        'The circuit cannot open until it ends; then it is closed, with nothing counted.',
      ];
    case 'closed':
      return [
        cb.state === 'closed' ? 'The circuit is closed already: the failures in its window are forgotten.'
          : `The circuit closes at once, without a recovery${n === null ? '' : none ? `. ${onlyChecks}` : `: ${aSecond(n)} will reach the service`}${none ? '' : '.'}`,
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
