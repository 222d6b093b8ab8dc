import { beforeEach, afterEach, describe, expect, it, vi } from 'vitest';

import { ApiError, type Page } from '../api';
import type { Alert, Message } from '../wire';
import { AlertBook, most } from './alerts';

const moment = (second: number) => new Date(Date.UTC(2026, 10, 23, 12, 0, second)).toISOString();

const alertOf = (id: string, second = 0, more: Partial<Alert> = {}): Alert => ({
  id, incident: id, kind: 'circuit_state_change', service: `service-${id}`, status: 'firing', severity: 'critical', summary: '', starts_at: moment(0), ends_at: null,
  updated_at: moment(second), root: null, affects: [], evidence: null, silenced_by: [], acknowledged_by: null, acknowledged_at: null, url: '', ...more,
});
const over = (id: string, second: number) => alertOf(id, second, { status: 'resolved', ends_at: moment(second) });

let seq = 0;
const stamp = () => ({ timestamp: moment(0), epoch: 'e', seq: ++seq });
const joined = (): Message => ({ type: 'connection:status', status: 'connected', role: 'viewer', heartbeat_ms: 5_000, ...stamp() });
const snapshot = (page = 1, pages = 1): Message => ({ type: 'services:state', page, pages, services: [], ...stamp() });
const told = (alert: Alert): Message => ({ type: alert.status === 'firing' ? 'alert:firing' : 'alert:resolved', alert, ...stamp() });

/** A book, and the questions that it asks, to be answered by the test. */
function book() {
  const asked: { cursor: string | undefined; answer: (items: Alert[], next?: string | null) => Promise<void>; refuse: (status: number) => Promise<void> }[] = [];
  const settled = () => new Promise<void>((done) => setImmediate(done));
  const made = new AlertBook((cursor) => new Promise<Page<Alert>>((resolve, reject) => {
    asked.push({
      cursor,
      answer: (items, next = null) => (resolve({ items, next }), settled()),
      refuse: (status) => (reject(new ApiError({ status, title: 'no', detail: '' })), settled()),
    });
  }), (flush) => flush());
  return { book: made, asked, ids: () => made.firing.value.map((alert) => alert.id) };
}

describe('AlertBook', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('asks once when the stream is joined, page by page, and then goes by what is told', async () => {
    const { book: b, asked, ids } = book();
    b.take(joined());
    b.take(snapshot(1, 2));
    b.take(snapshot(2, 2));
    expect(asked).toHaveLength(1);
    await asked[0]!.answer([alertOf('3')], 'next');
    expect(b.present.value).toBe(null);
    expect(asked[1]!.cursor).toBe('next');
    await asked[1]!.answer([alertOf('1')]);
    expect([b.present.value, b.more.value, ids()]).toEqual([true, false, ['3', '1']]);
    b.take(told(alertOf('5', 2)));
    b.take(told(over('3', 3)));
    expect(ids()).toEqual(['5', '1']);
    expect(b.ended.value.map((alert) => alert.id)).toEqual(['3']);
    expect(asked).toHaveLength(2);
  });

  it('keeps what is told while it asks, whichever of the two is newer', async () => {
    const { book: b, asked, ids } = book();
    b.take(joined());
    b.take(told(alertOf('1', 1)));
    b.take(told(over('2', 4)));
    b.take(told(alertOf('3', 5, { acknowledged_by: 'ana' })));
    b.take(told(alertOf('4', 1)));
    await asked[0]!.answer([alertOf('2', 1), alertOf('3', 1), alertOf('4', 9, { acknowledged_by: 'ben' })]);
    expect(ids()).toEqual(['4', '3', '1']);
    expect(b.firing.value.map((alert) => alert.acknowledged_by)).toEqual(['ben', 'ana', null]);
  });

  it('asks again after each join, and where a snapshot stands in for what was left out', async () => {
    const { book: b, asked, ids } = book();
    b.take(joined());
    await asked[0]!.answer([alertOf('1')]);
    b.take(joined());
    expect(asked).toHaveLength(2);
    expect(ids()).toEqual(['1']); // until it is known better
    await asked[1]!.answer([alertOf('2')]);
    expect(ids()).toEqual(['2']);
    b.take(snapshot());
    expect(asked).toHaveLength(2); // the one that follows a join
    b.take(snapshot());
    expect(asked).toHaveLength(3);
    b.take(snapshot()); // an answer that is under way may not have it
    await asked[2]!.answer([alertOf('2')]);
    expect(asked).toHaveLength(4);
    await asked[3]!.answer([]);
    expect([ids(), b.turn.value]).toEqual([[], 4]);
  });

  it('is absent where the manager has no alerts, until it tells of one', async () => {
    const { book: b, asked } = book();
    b.take(joined());
    await asked[0]!.refuse(503);
    expect([b.present.value, b.error.value]).toEqual([false, '']);
    vi.advanceTimersByTime(600_000);
    expect(asked).toHaveLength(1);
    b.take(told(alertOf('1')));
    expect(asked).toHaveLength(2);
  });

  it('tries again where the answer does not come, and keeps what it has meanwhile', async () => {
    const { book: b, asked, ids } = book();
    b.take(joined());
    await asked[0]!.answer([alertOf('1')]);
    b.take(joined());
    await asked[1]!.refuse(503); // there were some a moment ago
    expect([b.present.value, b.error.value, ids()]).toEqual([true, 'no', ['1']]);
    vi.advanceTimersByTime(1_000);
    await asked[2]!.refuse(0);
    vi.advanceTimersByTime(1_000);
    expect(asked).toHaveLength(3);
    vi.advanceTimersByTime(1_000);
    await asked[3]!.answer([]);
    expect([b.error.value, ids()]).toEqual(['', []]);
  });

  it('does not bring back what is over, when the answer to an order is late', async () => {
    const { book: b, asked, ids } = book();
    b.take(joined());
    await asked[0]!.answer([alertOf('1')]);
    b.take(told(over('1', 5)));
    b.put(alertOf('1', 4, { acknowledged_by: 'ana' }));
    expect(ids()).toEqual([]);
  });

  it('holds the newest thousand, and says that there are more', async () => {
    const { book: b, asked } = book();
    const id = (n: number) => String(n).padStart(5, '0');
    b.take(joined());
    await asked[0]!.answer(Array.from({ length: most }, (_, i) => alertOf(id(most - i))), 'next');
    expect([asked.length, b.firing.value.length, b.more.value]).toEqual([1, most, true]);
    b.take(told(alertOf(id(most + 1))));
    expect([b.firing.value.length, b.firing.value[0]!.id, b.firing.value.at(-1)!.id]).toEqual([most, id(most + 1), id(2)]);
    for (let n = 2; n <= most / 2 + 2; n++) b.take(told(over(id(n), 9)));
    expect(asked).toHaveLength(2); // those that there was no room for
  });

  it('forgets all of it for the next who looks, and an answer that was under way', async () => {
    const { book: b, asked, ids } = book();
    b.take(joined());
    await asked[0]!.answer([alertOf('1')]);
    b.take(told(over('9', 9)));
    b.take(joined());
    b.clear();
    await asked[1]!.answer([alertOf('2')]);
    expect([b.present.value, ids(), b.ended.value]).toEqual([null, [], []]);
    b.take(joined());
    expect(asked).toHaveLength(3);
  });
});
