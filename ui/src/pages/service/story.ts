import { isOpening, outageOf, type OutageThen } from '../time/outage';
import type { Config, ConfigVersion, ServiceEvent } from '../../wire';

// The events of one service, told as openings: what opened the circuit, each
// recovery attempt, and how it ended. A recovery that fails is a part of its
// opening and never one of its own.

export interface Attempt {
  /** The transition to half-open. */
  begin: ServiceEvent;
  /** The transition that ended it; null while it goes on. */
  end: ServiceEvent | null;
}

export interface Opening {
  key: string;
  /** Since when, in milliseconds: as early as is known. */
  since: number;
  /** The transition that opened the circuit, the override that forced it open, or the first event that is there. */
  begin: ServiceEvent;
  /** The transition that first opened the circuit, which an override or an order may precede; null where it is not there. */
  opened: ServiceEvent | null;
  /** What the latest of its transitions tells of the whole; null where that was not stored. */
  outage: OutageThen | null;
  /** Its beginning is older than the events that are there. */
  partial: boolean;
  attempts: Attempt[];
  /** Resets and overrides between the opening and its end. */
  orders: ServiceEvent[];
  /** The event that ended it; null while it goes on. */
  end: ServiceEvent | null;
  /** It is over, for another began, but its end is not there. */
  lost: boolean;
}

/** The openings, newest first, of events in either order. */
export function openings(events: readonly ServiceEvent[]): Opening[] {
  const out: Opening[] = [];
  let now: Opening | null = null;
  for (const e of [...events].sort(inOrder)) {
    const next: Opening | null = e.kind === 'transition' ? moved(e, now) : ordered(e, now);
    if (next && next !== now) {
      if (now) now.lost = true;
      out.push(next);
    }
    now = next?.end ? null : next;
  }
  return out.reverse();
}

const transition = (e: ServiceEvent): number => number(e.evidence?.['transition']);

/** Of one moment transitions stand as they are numbered: a restarted manager counts its messages anew. */
const inOrder = (a: ServiceEvent, b: ServiceEvent): number =>
  Date.parse(a.at) - Date.parse(b.at) || (transition(a) > 0 && transition(b) > 0 ? transition(a) - transition(b) : 0) || a.seq - b.seq;

function begin(e: ServiceEvent, partial: boolean): Opening {
  const outage = outageOf(e);
  const since = Math.min(Date.parse(e.at), outage ? Date.parse(outage.began_at) : Infinity);
  return {
    key: `${since} ${e.kind === 'override' ? 'override' : ''}`, since, begin: e, opened: isOpening(e) ? e : null, outage, partial,
    attempts: [], orders: [], end: null, lost: false,
  };
}

/** The opening that goes on after a transition, or that it ends. */
function moved(e: ServiceEvent, current: Opening | null): Opening | null {
  const outage = outageOf(e);
  const other = current?.outage && outage && current.outage.began_at !== outage.began_at;
  if (e.to === 'closed') {
    if (!current && !outage) return null;
    const ended = current && !other ? current : begin(e, true);
    const last = ended.attempts.at(-1);
    if (last && !last.end) last.end = e;
    return Object.assign(ended, { end: e, outage: outage ?? ended.outage });
  }
  if (!current || other || (e.to === 'open' && e.from === 'closed')) current = begin(e, e.to === 'open' ? !isOpening(e) : e.from !== 'closed');
  current.outage = outage ?? current.outage;
  const last = current.attempts.at(-1);
  if (last && !last.end) last.end = e;
  if (e.to === 'half_open') current.attempts.push({ begin: e, end: null });
  else if (isOpening(e)) current.opened ??= e;
  return current;
}

/** The opening that goes on after an order. */
function ordered(e: ServiceEvent, current: Opening | null): Opening | null {
  if (e.kind !== 'override' && e.kind !== 'override_expired' && e.kind !== 'reset') return current;
  if (!current) return e.kind === 'override' && e.to === 'forced_open' ? begin(e, false) : null;
  if (e === current.begin) return current;
  current.orders.push(e);
  // What was only forced open is over when it is forced closed: at its end nothing moves.
  if (e.to === 'forced_closed' && current.begin.kind === 'override' && !current.opened && current.attempts.length === 0) current.end = e;
  return current;
}

/** What opened the circuit at first: the transition itself, or as the later ones tell of it. Null: it is not known, or was not opened. */
export function opener(o: Opening): ServiceEvent | null {
  if (o.opened || !o.outage) return o.opened;
  const { rule, failures, successes, last_error, began_at: at } = o.outage;
  return { ...o.begin, id: null, kind: 'transition', from: 'closed', to: 'open', at, actor: null, reason: null, evidence: { rule, failures, successes, last_error } };
}

/** How many of its recoveries failed, and the last that did, where that is there. */
export function retries(o: Opening): { failed: number; latest: ServiceEvent | null } {
  const failed = o.attempts.filter((a) => a.end?.to === 'open' && a.end !== o.opened);
  return { failed: Math.max(failed.length, (o.outage?.openings ?? 1) - 1), latest: failed.at(-1)?.end ?? null };
}

/** How often a recovery was tried; more than are there where the outage tells so. */
export function tries(o: Opening): number {
  const last = o.attempts.at(-1);
  return Math.max(o.attempts.length, retries(o).failed + (last && last.end?.to !== 'open' ? 1 : 0));
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
  if (c('consecutiveFailureThreshold') > 0 && 'consecutive_failures' in e) {
    add('consecutive', number(e['consecutive_failures']), c('consecutiveFailureThreshold'), ['consecutive_failures']);
  }
  if (c('slowCallRateThreshold') > 0 && c('slowCallDurationMs') > 0 && 'slow' in e) {
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
  const until = opening.since;
  const telling = events.filter((e) => {
    const at = Date.parse(e.at);
    if (at > until || at < until - justBefore || sameEvent(e, opening.begin)) return false;
    if (e.kind === 'instance_transition') return false;
    return e.service !== service || (e.kind !== 'transition' && e.kind !== 'config_warning');
  });
  telling.sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.seq - a.seq);
  return { list: telling.slice(0, mostBefore), more: Math.max(0, telling.length - mostBefore) };
}

/** Whether two are the same event: one that was told before it was stored has no id yet. */
export const sameEvent = (a: ServiceEvent, b: ServiceEvent): boolean => eventKey(a) === eventKey(b);

export const eventKey = (e: ServiceEvent): string =>
  `${e.service} ${e.at} ${e.kind} ${e.from ?? ''} ${e.to ?? ''} ${String(e.evidence?.['transition'] ?? e.evidence?.['version'] ?? '')} ${String(e.evidence?.['instance'] ?? '')}`;

/** Joins lists of events, newest first, each event once; one that is stored takes the place of one that was not yet. */
export function mergeEvents(...lists: (readonly ServiceEvent[])[]): ServiceEvent[] {
  const byKey = new Map<string, ServiceEvent>();
  for (const e of lists.flat()) {
    const key = eventKey(e);
    if (!byKey.get(key)?.durable) byKey.set(key, e);
  }
  return [...byKey.values()].sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.seq - a.seq);
}
