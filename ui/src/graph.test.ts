import { describe, expect, it } from 'vitest';

import { blast, causes, dependants, failing, reach } from './graph';
import type { CircuitState, Entry, Mode, Status } from './wire';

interface Made {
  status?: Status;
  needs?: string[];
  openedAt?: string;
  state?: CircuitState;
  mode?: Mode;
}

/** A fleet of entries of which only what the graph reads is there. */
function fleet(made: Record<string, Made>): Map<string, Entry> {
  return new Map(Object.entries(made).map(([service, { status = 'healthy', needs = [], openedAt, state = 'closed', mode = 'auto' }]) => [
    service,
    { service, status, dependencies: needs, circuit_breaker: { state, mode, opened_at: openedAt ?? null } } as unknown as Entry,
  ]));
}

const open = (needs: string[] = [], openedAt = '2026-11-23T12:00:00.000Z'): Made => ({ status: 'circuit_open', state: 'open', needs, openedAt });

describe('failing', () => {
  it.each<[string, Made, boolean]>([
    ['an open circuit', open(), true],
    ['unhealthy', { status: 'unhealthy' }, true],
    ['in recovery', { status: 'degraded', state: 'half_open' }, true],
    ['degraded by a dependency', { status: 'degraded' }, false],
    ['forced closed while half-open', { status: 'healthy', state: 'half_open', mode: 'forced_closed' }, false],
    ['forced open', { status: 'circuit_open', mode: 'forced_open' }, true],
    ['unknown', { status: 'unknown' }, false],
    ['healthy', {}, false],
  ])('%s', (_, made, want) => expect(failing(fleet({ a: made }).get('a')!)).toBe(want));
});

it('reaches everything above a failure, around circles too', () => {
  const entries = fleet({ top: { needs: ['l', 'r'] }, l: { needs: ['x'] }, r: { needs: ['x', 'top'] }, x: open(), other: {} });
  expect([...blast(['x'], dependants(entries))].sort()).toEqual(['l', 'r', 'top']);
  expect([...blast(['x', 'r'], dependants(entries))].sort()).toEqual(['l', 'r', 'top']);
  expect(blast(['gone'], dependants(entries)).size).toBe(0);
});

it('tells because of which roots a service fails', () => {
  const entries = fleet({ a: open(['b', 'd']), b: { needs: ['c'] }, c: open(), d: open(), e: open() });
  const roots = new Set(['c', 'd', 'e']);
  expect([causes('a', entries, roots), causes('d', entries, roots), causes('b', entries, new Set())]).toEqual([['d', 'c'], ['d'], []]);
});

it('is quick with 10 000 services in a chain', () => {
  const made: Record<string, Made> = {};
  for (let i = 0; i < 10_000; i++) made[`s${i}`] = i === 0 ? open() : { needs: [`s${i - 1}`] };
  const entries = fleet(made);
  const began = performance.now();
  expect(blast(['s0'], dependants(entries)).size).toBe(9_999);
  expect(causes('s9999', entries, new Set(['s0']))).toEqual(['s0']);
  expect(performance.now() - began).toBeLessThan(1_000);
});

it('lists direct dependants once, by name', () => {
  expect(dependants(fleet({ a: { needs: ['x', 'x'] }, b: { needs: ['x'] }, x: {} }))).toEqual(new Map([['x', ['a', 'b']]]));
});

it('reaches so far and no further', () => {
  const edges: Record<string, string[]> = { a: ['b'], b: ['c', 'a'], c: ['d'] };
  expect(reach('a', (s) => edges[s], 2)).toEqual(['b', 'c']);
  expect(reach('a', (s) => edges[s])).toEqual(['b', 'c', 'd']);
});
