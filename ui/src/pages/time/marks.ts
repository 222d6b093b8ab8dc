import type { EventKind, ServiceEvent, Status } from '../../wire';
import { isOpening } from './outage';

/** What an event is on the bar: its shape. */
export type MarkKind = 'opening' | 'retry' | 'recovering' | 'recovery' | 'override' | 'config' | 'health' | 'other';

/** The kinds by weight: where several share a place, the first of these is shown. */
export const kinds: MarkKind[] = ['opening', 'override', 'config', 'health', 'recovery', 'retry', 'recovering', 'other'];

export const kindNames: Record<MarkKind, string> = {
  opening: 'opening', retry: 'failed recovery', recovering: 'try of a recovery', recovery: 'recovery', override: 'override',
  config: 'config change', health: 'health check', other: 'other',
};

/** The kinds of events that are asked for. */
export const asked: EventKind[] = ['transition', 'override', 'override_expired', 'reset', 'config_changed', 'health_failed', 'health_recovered', 'removed'];

export function markOf(event: Pick<ServiceEvent, 'kind' | 'from' | 'to' | 'evidence'>): MarkKind {
  switch (event.kind) {
    case 'transition':
      return isOpening(event) ? 'opening' : event.to === 'open' ? 'retry' : event.to === 'half_open' ? 'recovering' : 'recovery';
    case 'override':
    case 'override_expired':
    case 'reset':
      return 'override';
    case 'config_changed':
    case 'config_warning':
      return 'config';
    case 'health_failed':
    case 'health_recovered':
      return 'health';
    default:
      return 'other';
  }
}

export interface Mark {
  /** Where it stands on the bar, 0 to 1. */
  share: number;
  kind: MarkKind;
  /** The events that share the place, the oldest first. */
  events: ServiceEvent[];
}

/** The marks of the events within a time, those that would cover each other as one. */
export function marks(events: readonly ServiceEvent[], from: number, to: number, places: number): Mark[] {
  const at = new Map<number, Mark>();
  for (const event of events) {
    const share = (Date.parse(event.at) - from) / (to - from);
    if (!(share >= 0 && share <= 1)) continue;
    const place = Math.min(places - 1, Math.floor(share * places));
    const mark = at.get(place);
    const kind = markOf(event);
    if (!mark) {
      at.set(place, { share: (place + 0.5) / places, kind, events: [event] });
    } else {
      mark.events.push(event);
      if (kinds.indexOf(kind) < kinds.indexOf(mark.kind)) mark.kind = kind;
    }
  }
  const all = [...at.values()].sort((a, b) => a.share - b.share);
  for (const mark of all) mark.events.sort(older);
  return all;
}

const older = (a: ServiceEvent, b: ServiceEvent): number => Date.parse(a.at) - Date.parse(b.at) || a.seq - b.seq;

/** Two lists of events as one, the newest first, each event once. */
export function merge(a: readonly ServiceEvent[], b: readonly ServiceEvent[]): ServiceEvent[] {
  const seen = new Set<string>();
  const name = (event: ServiceEvent) => (event.id === null ? `${event.service}\n${event.kind}\n${event.at}\n${event.to}\n${String(event.evidence?.['instance'] ?? '')}` : String(event.id));
  return [...a, ...b]
    .filter((event) => !seen.has(name(event)) && seen.add(name(event)))
    .sort((x, y) => older(y, x));
}

/** The event next to a moment in a direction; of several of one moment, the last. */
export function nextTo(events: readonly ServiceEvent[], at: number, back: boolean, only: (event: ServiceEvent) => boolean): ServiceEvent | null {
  let best: ServiceEvent | null = null;
  for (const event of events) {
    const time = Date.parse(event.at);
    if (!only(event) || (back ? time >= at : time <= at)) continue;
    const nearer = best === null || (back ? time > Date.parse(best.at) : time < Date.parse(best.at));
    if (nearer) best = event;
  }
  return best;
}

export interface Span {
  from: number;
  to: number;
  /** How many circuits were open, at most. */
  most: number;
}

/**
 * When circuits were open: told back from those that are open at the end, by
 * the transitions of the time, the newest first.
 */
export function openSpans(events: readonly ServiceEvent[], openAtEnd: Iterable<string>, from: number, to: number): Span[] {
  const open = new Set(openAtEnd);
  const spans: Span[] = [];
  let end = to;
  let most = open.size;
  for (const event of events) {
    if (event.kind !== 'transition') continue;
    const at = Date.parse(event.at);
    if (at > to) continue;
    if (at < from) break;
    const before = open.size;
    if (event.from === 'open') open.add(event.service);
    else if (event.to === 'open') open.delete(event.service);
    if (before === 0 && open.size > 0) [end, most] = [at, open.size];
    if (before > 0 && open.size === 0) spans.push({ from: at, to: end, most });
    most = Math.max(most, open.size);
  }
  if (open.size > 0) spans.push({ from, to: end, most });
  return spans.reverse();
}

/** The status whose shape and colour a mark has. */
export const markStatus: Partial<Record<MarkKind, Status | 'forced'>> = {
  opening: 'circuit_open', retry: 'circuit_open', recovering: 'degraded', recovery: 'healthy', override: 'forced', health: 'unhealthy',
};
