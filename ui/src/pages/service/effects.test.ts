import { describe, expect, it } from 'vitest';

import type { Entry } from '../../wire';
import { aSecond, averageOf, dependants, effect, spanFrom } from './effects';

const entry = (service: string, dependencies: string[] = [], circuit: object = {}) =>
  ({ service, dependencies, circuit_breaker: { state: 'closed', mode: 'auto', is_open: false, override: null, ...circuit }, health_check: null, health: { checked_at: null } }) as unknown as Entry;
const counts = (successful: number, failed = 0, rejected = 0) => ({ successful, failed, ignored: 0, rejected });

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
  it('has words for every order', () => {
    for (const order of ['forced_open', 'forced_closed', 'closed', 'half_open', 'end'] as const) expect(effect(order, entry('s'), counts(1)).join('')).not.toBe('');
  });
});

it('says few operations by the minute', () => {
  expect([0, 0.001, 0.5, 3.2, 1_200].map(aSecond)).toEqual([
    'no operations', 'less than one operation a minute', 'about 30 operations a minute', 'about 3.2 operations a second', 'about 1.2k operations a second',
  ]);
});

it('averages a series over its time', () => {
  const point = { at: '', successful: 60, failed: 30, ignored: 0, rejected: 6, average_ms: 0, p50_ms: 0, p95_ms: 0, p99_ms: 0, state: 'closed', mode: 'auto', admitted_share: 1, failures: 0 } as const;
  const series = { service: 's', step: '1s', from: '2026-11-23T16:00:00Z', to: '2026-11-23T16:01:00Z', gaps: [], points: [point, point] };
  expect(averageOf(series)).toEqual({ successful: 2, failed: 1, ignored: 0, rejected: 0.2 });
  expect(averageOf({ ...series, to: series.from })).toBeNull();
});

it('reads a length of time', () => {
  expect(['90m', '2h 30m', '45 s', '1.5h'].map(spanFrom)).toEqual([5_400_000, 9_000_000, 45_000, 5_400_000]);
  for (const text of ['', '90', 'soon', '5m later', 'm']) expect(spanFrom(text), text).toBeNaN();
});
