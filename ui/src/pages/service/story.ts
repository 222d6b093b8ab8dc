import type { Config, ConfigVersion, ServiceEvent } from '../../wire';

// The events of one service, told as openings: what opened the circuit, each
// recovery attempt, and how it ended.

export interface Attempt {
  /** The transition to half-open. */
  begin: ServiceEvent;
  /** The transition that ended it; null while it goes on. */
  end: ServiceEvent | null;
}

export interface Opening {
  key: string;
  /** The transition that opened the circuit, or the override that forced it open. */
  begin: ServiceEvent;
  /** Its beginning is older than the events that are there. */
  partial: boolean;
  attempts: Attempt[];
  /** Resets and overrides between the opening and its end. */
  orders: ServiceEvent[];
  /** The transition that closed it; null while it goes on. */
  end: ServiceEvent | null;
}

/** The openings, newest first, of events in either order. */
export function openings(events: readonly ServiceEvent[]): Opening[] {
  const list = [...events].sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.seq - b.seq);
  const out: Opening[] = [];
  let now: Opening | null = null;
  const begin = (e: ServiceEvent, partial = false): Opening => {
    now = { key: `${e.at} ${e.kind}`, begin: e, partial, attempts: [], orders: [], end: null };
    out.push(now);
    return now;
  };
  for (const e of list) {
    const current = now as Opening | null;
    switch (e.kind) {
      case 'transition':
        now = moved(e, current, begin);
        break;
      case 'override':
      case 'override_expired':
      case 'reset':
        if (current) current.orders.push(e);
        else if (e.kind === 'override' && e.to === 'forced_open') begin(e);
        break;
    }
  }
  return out.reverse();
}

function moved(e: ServiceEvent, current: Opening | null, begin: (e: ServiceEvent, partial?: boolean) => Opening): Opening | null {
  const last = current?.attempts.at(-1);
  switch (e.to) {
    case 'open': {
      if (current && last && !last.end) {
        last.end = e;
        return current;
      }
      if (e.from === 'half_open') {
        const found = current ?? begin(e, true);
        return found;
      }
      return begin(e);
    }
    case 'half_open': {
      const opening = current ?? begin(e, true);
      if (last && !last.end) last.end = e;
      opening.attempts.push({ begin: e, end: null });
      return opening;
    }
    default: {
      if (!current) return null;
      if (last && !last.end) last.end = e;
      current.end = e;
      return null;
    }
  }
}

const number = (v: unknown): number => (typeof v === 'number' && Number.isFinite(v) ? v : 0);

/** A number of the evidence against what it is judged by. */
export interface Measure {
  name: 'failures' | 'rate' | 'operations' | 'consecutive' | 'slow';
  value: number;
  threshold: number;
  reached: boolean;
  /** Whether it is a share of one. */
  share: boolean;
  /** Whether the rule that fired is judged by it. */
  decisive: boolean;
}

/** The numbers that an opening was judged by, those of the rule that fired first. */
export function measures(event: ServiceEvent, config: Config | null): Measure[] {
  const e = event.evidence ?? {};
  const c = (name: string) => number(config?.[name]);
  const total = number(e['failures']) + number(e['successes']);
  const rule = e['rule'];
  const out: Measure[] = [];
  const add = (name: Measure['name'], value: number, threshold: number, on: unknown[], share = false) =>
    out.push({ name, value, threshold, share, reached: threshold > 0 && value >= threshold, decisive: on.includes(rule) });
  add('failures', number(e['failures']), c('failureThreshold'), ['failure_threshold', 'failure_rate']);
  if (c('failureRateThreshold') > 0) add('rate', total > 0 ? number(e['failures']) / total : 0, c('failureRateThreshold'), ['failure_rate'], true);
  if (c('consecutiveFailureThreshold') > 0) {
    add('consecutive', number(e['consecutive_failures']), c('consecutiveFailureThreshold'), ['consecutive_failures']);
  }
  if (c('slowCallRateThreshold') > 0 && c('slowCallDurationMs') > 0) {
    add('slow', total > 0 ? number(e['slow']) / total : 0, c('slowCallRateThreshold'), ['slow_calls'], true);
  }
  if (c('failureRateThreshold') > 0 || c('slowCallRateThreshold') > 0) {
    add('operations', total, c('minimumOperations'), ['failure_rate', 'slow_calls']);
  }
  return out.sort((a, b) => Number(b.decisive) - Number(a.decisive));
}

/** The config that was in force: the version that the evidence names, else the newest not after it. */
export function configThen(event: ServiceEvent, versions: readonly ConfigVersion[]): ConfigVersion | null {
  const named = versions.find((v) => v.version === event.evidence?.['config_version']);
  if (named) return named;
  const at = Date.parse(event.at);
  return versions.filter((v) => Date.parse(v.at) <= at).sort((a, b) => b.version - a.version)[0] ?? null;
}

/** The moment at which an event has happened: what it tells is to the millisecond, what is kept is finer. */
export const justAfter = (e: ServiceEvent): number => Date.parse(e.at) + 1;

/** How long before an opening is "just before". */
export const justBefore = 10 * 60_000;

const mostBefore = 6;

/**
 * What changed in the minutes before an opening, the nearest first: of the service
 * itself what was done to it and how it was checked, of its dependencies all.
 */
export function changesBefore(opening: Opening, events: readonly ServiceEvent[], service: string): { list: ServiceEvent[]; more: number } {
  const until = Date.parse(opening.begin.at);
  const telling = events.filter((e) => {
    const at = Date.parse(e.at);
    if (at > until || at < until - justBefore || sameEvent(e, opening.begin)) return false;
    return e.service !== service || (e.kind !== 'transition' && e.kind !== 'config_warning');
  });
  telling.sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.seq - a.seq);
  return { list: telling.slice(0, mostBefore), more: Math.max(0, telling.length - mostBefore) };
}

/** Whether two are the same event: one that was told before it was stored has no id yet. */
export const sameEvent = (a: ServiceEvent, b: ServiceEvent): boolean => eventKey(a) === eventKey(b);

export const eventKey = (e: ServiceEvent): string =>
  `${e.service} ${e.at} ${e.kind} ${e.from ?? ''} ${e.to ?? ''} ${String(e.evidence?.['transition'] ?? e.evidence?.['version'] ?? '')}`;

/** Joins lists of events, newest first, each event once; one that is stored takes the place of one that was not yet. */
export function mergeEvents(...lists: (readonly ServiceEvent[])[]): ServiceEvent[] {
  const byKey = new Map<string, ServiceEvent>();
  for (const e of lists.flat()) {
    const key = eventKey(e);
    if (!byKey.get(key)?.durable) byKey.set(key, e);
  }
  return [...byKey.values()].sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.seq - a.seq);
}
