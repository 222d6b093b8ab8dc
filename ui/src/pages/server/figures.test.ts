import { expect, it } from 'vitest';

import type { ServerInfo } from '../../wire';
import { bytes, rates, troubles, type Look } from './figures';

const info = (change: Partial<ServerInfo> = {}): ServerInfo => ({
  version: 'v1', commit: 'c', go: 'go', started_at: '2026-11-23T12:00:00.000Z', epoch: 'e', services: 1, ready: true,
  store: { answers: true, error: null, waiting: 0, dropped_events: 0, failed_writes: 0 },
  stream: { clients: 1, slow: 0, messages: 100, updates: 10, bytes: 5_000, refused: 0 },
  series: { points: 0, chunks: 0, bytes: 0, dropped: 0 }, memory_bytes: 1, goroutines: 1, ...change,
});

const look = (at: number, messages: number, started?: string): Look => ({
  at, info: info({ stream: { ...info().stream, messages }, ...(started ? { started_at: started } : {}) }),
});

it('tells rates between two looks, and none over a restart', () => {
  expect(rates(look(1_000, 100), look(6_000, 150))).toEqual({ messages: 10, bytes: 0, updates: 0 });
  expect(rates(undefined, look(6_000, 150))).toBeNull();
  expect(rates(look(1_000, 100), look(6_000, 5, '2026-11-23T13:00:00.000Z'))).toBeNull();
  expect(rates(look(1_000, 100), look(1_000, 100))).toBeNull();
});

it.each<[number, string]>([[0, '0 B'], [1_023, '1023 B'], [1_024, '1.0 KiB'], [3_500, '3.4 KiB'], [120 * 1_048_576, '120 MiB'], [1_048_500, '1.0 MiB']])(
  '%d bytes are %s', (n, want) => expect(bytes(n)).toBe(want));

it('finds nothing wrong where all is well', () => expect(troubles(info())).toEqual([]));

it('puts first what keeps the manager from being ready, and says what to do', () => {
  const found = troubles(info({
    ready: false, store: { answers: false, error: 'the store does not answer', waiting: 5_000, dropped_events: 3, failed_writes: 9 },
    series: { points: 0, chunks: 0, bytes: 0, dropped: 2 }, stream: { ...info().stream, slow: 4 },
  }));
  expect(found[0]!.what).toBe('The manager is not ready: the store does not answer');
  expect(found.map((one) => one.grave)).toEqual([true, false, false, false, false]);
  expect(found.every((one) => one.todo.length > 0)).toBe(true);
});

it('says of a node that follows without its store as of when it shows things', () => {
  const cluster = { node: 'b', role: 'follows' as const, leader: 'http://a', since: null, as_of: '2026-11-23T12:00:00.000Z' };
  const store = { ...info().store, answers: false, error: 'refused' };
  expect(troubles(info({ ready: false, store, cluster }))).toMatchObject([{ grave: true, what: 'This node follows, and cannot read the store: refused.', asOf: cluster.as_of }]);
  expect(troubles(info({ cluster }))).toEqual([]);
  expect(troubles(info({ ready: false, cluster: { ...cluster, leader: null, problem: 'no node leads now' } }))).toMatchObject([
    { grave: true, what: 'The node cannot do its part: no node leads now.', asOf: cluster.as_of },
  ]);
  const bus = { kind: 'nats' as const, connected: false, since: cluster.as_of, error: 'connection refused' };
  expect(troubles(info({ cluster: { ...cluster, bus } }))).toMatchObject([{ grave: false, what: 'NATS is away: connection refused.' }]);
  expect(troubles(info({ cluster: { ...cluster, bus: { ...bus, connected: true } } }))).toEqual([]);
  expect(troubles(info({ ready: false, store, cluster: { ...cluster, role: 'leads' } }))[0]!.asOf).toBeUndefined();
});
