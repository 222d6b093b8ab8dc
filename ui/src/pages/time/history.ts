import { effect, signal } from '@preact/signals';

import { api, type EventQuery, type Page } from '../../api';
import { board } from '../../live/live';
import type { ServiceEvent } from '../../wire';
import { asked, nextTo } from './marks';
import { isOpening } from './outage';

/** Gives a page of events, the newest first. */
export type Ask = (query: EventQuery, signal?: AbortSignal) => Promise<Page<ServiceEvent>>;

const pageSize = 1_000;
const pagesAtMost = 6;
const kind = asked.join(',');

/** The events of a time that were asked for. */
export interface Loaded {
  from: number;
  to: number;
  /** From when on all are there; later than `from` where there were too many. */
  since: number;
  events: ServiceEvent[];
}

export const loaded = signal<Loaded | null>(null);
export const loadError = signal('');
let loading: AbortController | null = null;
let wanted = '';

/** Loads the events of a time, the newest first, and shows each page as it comes. Live ones come by the stream. */
export async function load(from: number, to: number, ask: Ask = api.events): Promise<void> {
  const have = loaded.peek();
  if (have && have.from <= from && to <= have.to) return;
  const name = `${Math.floor(from / 10_000)} ${to === Infinity ? '' : to}`;
  if (loading && wanted === name) return;
  loading?.abort();
  const abort = new AbortController();
  [loading, wanted] = [abort, name];
  try {
    const events: ServiceEvent[] = [];
    let cursor: string | null = '';
    for (let page = 0; page < pagesAtMost && cursor !== null; page++) {
      const until = to === Infinity ? {} : { until: new Date(to).toISOString() };
      const got: Page<ServiceEvent> = await ask({ kind, since: new Date(from).toISOString(), ...until, limit: pageSize, cursor }, abort.signal);
      if (abort.signal.aborted) return;
      events.push(...got.items);
      cursor = got.next;
      loaded.value = { from, to, since: cursor === null ? from : Date.parse(events.at(-1)?.at ?? ''), events: [...events] };
    }
    loadError.value = '';
  } catch (err) {
    if (!abort.signal.aborted) loadError.value = err instanceof Error ? err.message : String(err);
  } finally {
    if (loading === abort) loading = null;
  }
}

// After a lost stream what was missed may be more than what came with it.
let lost = false;
effect(() => {
  const connection = board.connection.value;
  if (connection !== 'live') lost = true;
  else if (lost) {
    lost = false;
    loaded.value = null;
  }
});

/** What a step stops at. */
export const stops = (openings: boolean) => (event: ServiceEvent): boolean =>
  asked.includes(event.kind) && (!openings || isOpening(event));

const pagesBack = 10;

/** There may be one, but it is further away than one step looks. */
export class TooFar extends Error {}

/**
 * The event next to a moment: of those at hand, else of those that the manager has. Null: there is none.
 * Throws TooFar where only asking for very many could tell.
 */
export async function stepFrom(at: number, back: boolean, openings: boolean, now: number, known: readonly ServiceEvent[], since: number, ask: Ask = api.events): Promise<ServiceEvent | null> {
  const only = stops(openings);
  const found = nextTo(known, at, back, only);
  if (found && (back || at >= since)) return found;
  const kinds = openings ? 'transition' : kind;
  return back ? before(at, only, kinds, ask) : after(at, only, kinds, now, ask);
}

async function before(at: number, only: (event: ServiceEvent) => boolean, kinds: string, ask: Ask): Promise<ServiceEvent | null> {
  let cursor: string | null = '';
  let seen = 0;
  for (let page = 0; page < pagesBack && cursor !== null; page++) {
    const got: Page<ServiceEvent> = await ask({ kind: kinds, until: new Date(at).toISOString(), limit: page === 0 ? 50 : pageSize, cursor });
    const found = nextTo(got.items, at, true, only);
    if (found) return found;
    seen += got.items.length;
    cursor = got.next;
  }
  if (cursor !== null) throw new TooFar(`None is among the ${seen} events before. Go to an earlier time and step on from there.`);
  return null;
}

/** The list comes newest first: a time that is short enough for one page has the first event at its end. */
async function after(at: number, only: (event: ServiceEvent) => boolean, kinds: string, now: number, ask: Ask): Promise<ServiceEvent | null> {
  let span = 3_600_000;
  let from = at;
  for (let tries = 0; tries < 40 && from < now; tries++) {
    const to = Math.min(from + span, now + 1);
    const got = await ask({ kind: kinds, since: new Date(from + 1).toISOString(), until: new Date(to).toISOString(), limit: pageSize });
    if (got.next !== null && span > 1_000) {
      span /= 8;
      continue;
    }
    const found = nextTo(got.items, at, false, only);
    if (found) return found;
    [from, span] = [to - 1, span * 4];
  }
  if (from < now - 1) throw new TooFar('None is among the many events after. Go to a later time and step on from there.');
  return null;
}
