import { describe, expect, it } from 'vitest';

import type { EventKind, ServiceEvent } from '../../wire';
import { marks, markOf, merge, nextTo, openSpans } from './marks';
import { said } from './said';
import { stride, ticks, windowOf } from './ticks';

const now = new Date(2026, 10, 23, 14, 15, 30).getTime(); // local
const minute = 60_000;

describe('said', () => {
  const local = (d: number, h: number, m: number, s = 0, ms = 0) => new Date(2026, 10, d, h, m, s, ms).getTime();
  it.each<[string, number | null]>([
    ['14:03', local(23, 14, 3)],
    ['14:03:22', local(23, 14, 3, 22)],
    ['14:03:22.5', local(23, 14, 3, 22, 500)],
    ['9:00', local(23, 9, 0)],
    ['23:59', local(22, 23, 59)], // not yet today
    ['yesterday 14:03', local(22, 14, 3)],
    ['2026-11-20 08:30', local(20, 8, 30)],
    ['2026-11-20', local(20, 0, 0)],
    ['20.11. 8:30', local(20, 8, 30)],
    ['Nov 20 08:30:01', local(20, 8, 30, 1)],
    ['nov 31 08:30', null],
    ['foo 3 08:30', null],
    ['2026-11-23T12:00:00.000Z', Date.UTC(2026, 10, 23, 12)],
    ['12m ago', now - 12 * minute],
    ['-90s', now - 90_000],
    ['1.5 h ago', now - 90 * minute],
    [' NOW ', now],
    ['', null],
    ['25:00', null],
    ['14:60', null],
    ['2026-02-30 10:00', null],
    ['12m', null],
    ['soon', null],
  ])('%j', (text, want) => expect(said(text, now)).toBe(want));
});

function event(id: number, secondsAgo: number, kind: EventKind = 'transition', from: string | null = null, to: string | null = null, service = 'a'): ServiceEvent {
  return { id, seq: id, service, kind, from, to, at: new Date(now - 1_000 * secondsAgo).toISOString(), actor: null, reason: null, evidence: null, durable: true };
}

describe('marks', () => {
  it('stand where their moments are, and share a place as the worst of them', () => {
    const all = marks([event(3, 30, 'transition', 'half_open', 'closed'), event(2, 30.1, 'transition', 'closed', 'open'), event(1, 90, 'config_changed')], now - 100_000, now, 10);
    expect(all.map((mark) => [mark.share, mark.kind, mark.events.map((e) => e.id)])).toEqual([[0.15, 'config', [1]], [0.65, 'opening', [2]], [0.75, 'recovery', [3]]]);
    const one = marks([event(3, 30, 'transition', 'half_open', 'closed'), event(2, 31, 'transition', 'closed', 'open')], now - 100_000, now, 3);
    expect(one.map((mark) => [mark.kind, mark.events.map((e) => e.id)])).toEqual([['opening', [2, 3]]]);
  });

  it('leaves out what is outside', () => expect(marks([event(1, 200), event(2, -5)], now - 100_000, now, 10)).toEqual([]));

  it('knows openings from recoveries', () => {
    const of = (kind: EventKind, from: string | null, to: string | null, evidence: ServiceEvent['evidence'] = null) => markOf({ kind, from, to, evidence });
    expect([of('transition', 'closed', 'open'), of('transition', 'open', 'half_open'), of('transition', 'half_open', 'closed'), of('reset', null, null)])
      .toEqual(['opening', 'recovering', 'recovery', 'override']);
  });

  it('take a recovery that failed for no opening, unless the outage begins with it', () => {
    const outage = (openings: number) => ({ outage: { began_at: new Date(now).toISOString(), rule: 'failure_threshold', failures: 3, successes: 0, last_error: null, openings } });
    const of = (from: string, evidence: ServiceEvent['evidence']) => markOf({ kind: 'transition', from, to: 'open', evidence });
    expect([of('half_open', null), of('half_open', outage(7)), of('half_open', outage(1)), of('closed', outage(1)), of('closed', { outage: 'of tomorrow' })])
      .toEqual(['retry', 'retry', 'opening', 'opening', 'opening']);
    const storm = [event(3, 10, 'transition', 'half_open', 'open'), event(2, 11, 'transition', 'open', 'half_open'), event(1, 12, 'transition', 'half_open', 'closed', 'b')];
    expect(marks(storm, now - 100_000, now, 2).map((mark) => mark.kind)).toEqual(['recovery']);
  });
});

it('keeps apart what two instances did at the same moment', () => {
  const of = (instance: string): ServiceEvent => ({ ...event(0, 10), id: null, kind: 'instance_transition', evidence: { instance } });
  expect(merge([of('a'), of('b')], [of('a')])).toHaveLength(2);
});

it('merges live and fetched events, each once, the newest first', () => {
  const waiting = { ...event(0, 1), id: null };
  expect(merge([event(2, 10), event(1, 20)], [event(3, 5), event(2, 10), waiting, waiting]).map((e) => e.id)).toEqual([null, 3, 2, 1]);
});

it('steps to the nearest event before and after a moment, and over others to openings', () => {
  const all = [event(4, 10, 'config_changed'), event(3, 20, 'transition', 'closed', 'open'), event(2, 30, 'override'), event(1, 40, 'transition', 'closed', 'open')];
  const step = (secondsAgo: number, back: boolean, openings = false) =>
    nextTo(all, now - 1_000 * secondsAgo, back, openings ? (e) => markOf(e) === 'opening' : () => true)?.id ?? null;
  expect([step(0, true), step(10, true), step(20, true), step(40, true)]).toEqual([4, 3, 2, null]);
  expect([step(40, false), step(10, false), step(50, false)]).toEqual([2, null, 1]);
  expect([step(0, true, true), step(20, true, true), step(30, false, true)]).toEqual([3, 1, 3]);
});

describe('openSpans', () => {
  const [opens, tries, closes] = [['closed', 'open'], ['open', 'half_open'], ['half_open', 'closed']] as const;
  const seconds = (spans: ReturnType<typeof openSpans>) => spans.map((s) => [(now - s.from) / 1_000, (now - s.to) / 1_000, s.most]);
  it('tells from the end on back when circuits were open', () => {
    const all = [event(3, 20, 'transition', ...closes), event(2, 30, 'transition', ...tries), event(1, 60, 'transition', ...opens)];
    expect(seconds(openSpans(all, [], now - 100_000, now))).toEqual([[60, 30, 1]]);
  });
  it('reaches to the ends where one was open before or is still', () => {
    expect(seconds(openSpans([event(1, 60, 'transition', ...tries)], [], now - 100_000, now))).toEqual([[100, 60, 1]]);
    expect(seconds(openSpans([event(1, 60, 'transition', ...opens)], ['a'], now - 100_000, now))).toEqual([[60, 0, 1]]);
  });
  it('counts how many were open at once', () => {
    const all = [event(4, 10, 'transition', ...tries), event(3, 20, 'transition', ...tries, 'b'), event(2, 50, 'transition', ...opens, 'b'), event(1, 60, 'transition', ...opens)];
    expect(seconds(openSpans(all, [], now - 100_000, now))).toEqual([[60, 10, 2]]);
  });
});

describe('the window', () => {
  it('ends now', () => expect(windowOf(now, null, minute)).toEqual({ from: now - minute, to: now }));
  it('holds the moment in its middle where that is longer ago', () =>
    expect(windowOf(now, now - 10 * minute, 4 * minute)).toEqual({ from: now - 12 * minute, to: now - 8 * minute }));
  it('never goes beyond now', () => expect(windowOf(now, now - 61_000, minute).to).toBeLessThanOrEqual(now));
});

it('marks round local times', () => {
  const all = ticks(now - 60 * minute, now, 6);
  expect(all.map(({ at }) => new Date(at).getMinutes())).toEqual([20, 30, 40, 50, 0, 10]);
  expect(ticks(now - 30 * 24 * 60 * minute, now, 8).every(({ midnight }) => midnight)).toBe(true);
});

it('strides in whole seconds', () => expect([stride(15 * minute), stride(60 * minute), stride(30 * 24 * 60 * minute)]).toEqual([10_000, 60_000, 43_200_000]));
