import { describe, expect, it } from 'vitest';

import type { Entry, Point, Series } from '../../wire';
import { aSecond, demandOf, dependants, effect, spanFrom } from './effects';

const entry = (service: string, dependencies: string[] = [], circuit: object = {}) =>
  ({ service, dependencies, circuit_breaker: { state: 'closed', mode: 'auto', is_open: false, override: null, ...circuit }, health_check: null, health: { checked_at: null }, config: {} }) as unknown as Entry;
const probe = (circuit: object = {}) => ({ ...entry('p', [], circuit), health_check: { tcp: {} }, config: { healthCheckIntervalMs: 200 } }) as unknown as Entry;
const counts = (successful: number, failed = 0, rejected = 0, checks = 0) => ({ successful, failed, ignored: 0, rejected, checks });

describe('dependants', () => {
  const fleet = new Map([entry('db'), entry('api', ['db']), entry('auth', ['db']), entry('web', ['api', 'auth']), entry('other')].map((e) => [e.service, e]));

  it('are those that depend on it, and those that do through others, once', () => {
    expect(dependants('db', fleet)).toEqual({ direct: ['api', 'auth'], indirect: ['web'] });
    expect(dependants('other', fleet)).toEqual({ direct: [], indirect: [] });
  });

  it('come to an end in a circle', () => {
    const circle = new Map([entry('a', ['b']), entry('b', ['a'])].map((e) => [e.service, e]));
    expect(dependants('a', circle)).toEqual({ direct: ['b'], indirect: [] });
  });
});

describe('effect', () => {
  it('says how many operations a second will be refused', () => {
    expect(effect('forced_open', entry('s'), counts(118, 2))[0]).toBe('About 120 operations a second will be refused.');
  });
  it('counts those that are refused now among them', () => {
    expect(effect('forced_open', entry('s', [], { state: 'open', is_open: true }), counts(0, 0, 40))[0]).toBe('Nothing is let in now; about 40 operations a second will go on being refused.');
  });
  it('says that it does not know', () => expect(effect('forced_open', entry('s'), null)[0]).toContain('not known'));
  it('takes the own checks of the manager for no operations that are refused', () => {
    const text = (order: 'forced_open' | 'forced_closed' | 'closed', circuit: object, demand: ReturnType<typeof counts>) => effect(order, probe(circuit), demand)[0];
    for (const order of ['forced_open', 'forced_closed'] as const) expect(text(order, {}, counts(4, 1, 0, 5))).toBe('Only the manager’s own checks run here; they go on.');
    expect(text('closed', { state: 'open' }, counts(0))).toBe('The circuit closes at once, without a recovery. Only the manager’s own checks run here; they go on.');
    expect(text('forced_open', {}, counts(25, 0, 0, 5))).toBe('About 20 operations a second will be refused. The manager’s own checks go on.');
    expect(text('forced_open', { is_open: true }, counts(0, 0, 7))).toBe('Nothing is let in now; about 7.0 operations a second will go on being refused. The manager’s own checks go on.');
  });
  it('has words for every order', () => {
    for (const order of ['forced_open', 'forced_closed', 'closed', 'half_open', 'end'] as const) expect(effect(order, entry('s'), counts(1)).join('')).not.toBe('');
  });
});

it('says few operations by the minute', () => {
  expect([0, 0.001, 0.5, 3.2, 1_200].map(aSecond)).toEqual([
    'no operations', 'less than one operation a minute', 'about 30 operations a minute', 'about 3.2 operations a second', 'about 1.2k operations a second',
  ]);
  expect([1 / 60, 1.4 / 60, 1, 0.97, 0.94].map(aSecond)).toEqual([
    'about one operation a minute', 'about one operation a minute', 'about one operation a second', 'about one operation a second', 'about 56 operations a minute',
  ]);
});

describe('demandOf', () => {
  const t0 = Date.UTC(2026, 10, 23, 16);
  const iso = (s: number) => new Date(t0 + 1_000 * s).toISOString();
  const point = (s: number, more: Partial<Point> = {}): Point => ({
    at: iso(s), successful: 0, failed: 0, ignored: 0, rejected: 0, average_ms: 0, p50_ms: 0, p95_ms: 0, p99_ms: 0, state: 'closed', mode: 'auto', admitted_share: 1, failures: 0, ...more,
  });
  const series = (points: Point[], to = 60, gaps: [number, number][] = []): Series =>
    ({ service: 's', step: '1s', from: iso(0), to: iso(to), points, gaps: gaps.map(([a, b]) => ({ from: iso(a), to: iso(b) })) });

  it('averages over the time that is known', () => {
    const some = { successful: 60, failed: 30, rejected: 6 };
    expect(demandOf(series([point(0, some), point(9, some)]), entry('s'))).toEqual({ successful: 2, failed: 1, ignored: 0, rejected: 0.2, checks: 0 });
    expect(demandOf(series([point(0, some), point(50)], 60, [[10, 40]]), entry('s'))?.successful).toBe(2);
    expect(demandOf(series([point(58, { successful: 40 })]), entry('s'))?.successful).toBe(20); // it began just now
  });

  it('says nothing of what has only just begun', () => {
    expect(demandOf(series([]), entry('s'))).toBeNull();
    expect(demandOf(series([point(0)]), entry('s', [], { last_success: iso(59) }))).toBeNull();
    expect(demandOf(series([point(0)]), entry('s', [], { last_success: iso(20) }))).toMatchObject({ successful: 0 });
  });

  it('tells checks from operations', () => {
    const each = (n: number, more: Partial<Point> = {}) => Array.from({ length: 60 }, (_, s) => point(s, { successful: n, ...more }));
    expect(demandOf(series(each(5)), probe())?.checks).toBe(5);
    expect(demandOf(series([...each(5), point(59.5, { successful: 1 })]), probe())?.checks).toBeCloseTo(301 / 60); // one was ordered
    expect(demandOf(series(each(25)), probe())?.checks).toBeCloseTo(5);
    for (const n of [0.02, 5]) expect(demandOf(series(each(n)), entry('s'))?.checks).toBe(0); // an embedded service has no operations but those of who uses it
    const opened = series([point(0, { successful: 400 }), point(30, { state: 'open', rejected: 300 })]); // then checks are no operations
    expect(demandOf(opened, probe())).toMatchObject({ checks: 2.5, rejected: 5 });
  });
});

it('reads a length of time', () => {
  expect(['90m', '2h 30m', '45 s', '1.5h'].map(spanFrom)).toEqual([5_400_000, 9_000_000, 45_000, 5_400_000]);
  for (const text of ['', '90', 'soon', '5m later', 'm']) expect(spanFrom(text), text).toBeNaN();
});
