import { expect, it, vi } from 'vitest';

import type { EventQuery } from '../../api';
import type { ServiceEvent } from '../../wire';

vi.mock('../../live/live', async () => {
  const { signal } = await import('@preact/signals');
  return { board: { connection: signal('live') } };
});
vi.mock('../../api', () => ({ api: { events: () => Promise.reject(new Error('not by the tests')) } }));

const { load, loaded, stepFrom, TooFar } = await import('./history');

const start = Date.UTC(2026, 10, 1);

/** A manager with an event each ten seconds, or as often as is said, every 50th of them an opening. */
function manager(n: number, every = 10_000, from = 'closed') {
  const all: ServiceEvent[] = Array.from({ length: n }, (_, i) => ({
    id: i, seq: i, service: 's', kind: 'transition' as const, from, to: i % 50 === 0 ? 'open' : 'closed',
    at: new Date(start + every * i).toISOString(), actor: null, reason: null, evidence: null, durable: true,
  })).reverse();
  const asked: EventQuery[] = [];
  const ask = (query: EventQuery) => {
    asked.push(query);
    const within = all.filter((e) => (!query.since || e.at >= query.since) && (!query.until || e.at < query.until) && (!query.cursor || e.id! < Number(query.cursor)));
    const items = within.slice(0, query.limit);
    return Promise.resolve({ items, next: items.length < within.length ? String(items.at(-1)!.id) : null });
  };
  return { ask, asked, end: start + every * n };
}

it('loads what there is of a time, and says since when it has all where it is too much', async () => {
  const few = manager(1_500);
  await load(start, Infinity, few.ask);
  expect([loaded.value?.events.length, loaded.value?.since]).toEqual([1_500, start]);
  await load(start + 5_000, Infinity, few.ask);
  expect(few.asked).toHaveLength(2); // within what is there

  const many = manager(9_000);
  await load(start - 1, Infinity, many.ask);
  expect([loaded.value?.events.length, loaded.value?.since]).toEqual([6_000, start + 10_000 * 3_000]);
});

it('steps to the neighbours that the manager has', async () => {
  const { ask, end } = manager(9_000);
  const step = (i: number, back: boolean, openings = false) => stepFrom(start + 10_000 * i, back, openings, end, [], end, ask).then((e) => e?.id ?? null);
  expect(await step(700, true)).toBe(699);
  expect(await step(700, true, true)).toBe(650);
  expect(await step(700, false)).toBe(701);
  expect(await step(700, false, true)).toBe(750);
  expect(await step(0, true)).toBeNull();
  expect(await step(8_999, false)).toBeNull();
});

it('asks nobody for what is at hand', async () => {
  const { ask, asked, end } = manager(100);
  const known = (await ask({ limit: 1_000 })).items;
  asked.length = 0;
  expect((await stepFrom(end, true, false, end, known, start, ask))?.id).toBe(99);
  expect((await stepFrom(start, false, false, end, known, start, ask))?.id).toBe(1);
  expect(asked).toHaveLength(0);
});

it('finds the very next event where an hour holds more than a page', async () => {
  const { ask, end } = manager(9_000, 1_000);
  expect((await stepFrom(start + 700_000, false, false, end, [], end, ask))?.id).toBe(701);
  expect((await stepFrom(start + 700_000, false, true, end, [], end, ask))?.id).toBe(750);
});

it('steps over recoveries that fail, and does not say that there is no opening where it has not looked', async () => {
  const retries = manager(3_000, 10_000, 'half_open');
  expect(await stepFrom(retries.end, true, true, retries.end, [], retries.end, retries.ask)).toBeNull();
  const storm = manager(12_000, 10, 'half_open');
  await expect(stepFrom(storm.end, true, true, storm.end, [], storm.end, storm.ask)).rejects.toBeInstanceOf(TooFar);
});
