import { describe, expect, it } from 'vitest';

import type { Entry, Message, ServiceEvent, Status } from '../wire';
import { Board, View } from './board';

const t0 = Date.UTC(2026, 10, 23, 8);
const stamp = (ms: number) => new Date(t0 + ms).toISOString();

function entry(service: string, { status = 'healthy', successful = 0, failed = 0, rejected = 0, dependencies = [] }: Partial<{ status: Status; successful: number; failed: number; rejected: number; dependencies: string[] }> = {}): Entry {
  return {
    service, status, running: true, layer: 'data', description: '', dependencies,
    circuit_breaker: { state: status === 'circuit_open' ? 'open' : 'closed', mode: 'auto', opened_at: null, last_reset: null, last_recovery_attempt: null },
    operations: { total: successful + failed, successful, failed, rejected, ignored: 0 },
  } as unknown as Entry;
}

const event = (service: string, kind: ServiceEvent['kind'], seq = 1): ServiceEvent =>
  ({ id: seq, seq, service, kind, from: null, to: null, at: stamp(0), actor: null, reason: null, evidence: null, durable: true });

function playing() {
  const flushes: (() => void)[] = [];
  const board = new Board((flush) => void flushes.push(flush));
  const frame = () => flushes.splice(0).forEach((flush) => flush());
  const tell = (ms: number, message: object) => board.take({ timestamp: stamp(ms), epoch: 'e', seq: ms, ...message } as Message);
  const snapshot = (ms: number, services: Entry[], page = 1, pages = 1) => tell(ms, { type: 'services:state', page, pages, services });
  const update = (ms: number, e: Entry) => tell(ms, { type: 'service:update', ...e });
  const happen = (ms: number, e: ServiceEvent) => tell(ms, { type: 'service:event', event: e });
  return { board, flushes, frame, tell, snapshot, update, happen };
}

const names = (board: Board) => [...board.entries.keys()].sort();

describe('Board', () => {
  it('shows the first snapshot as its pages come, and knows all when the last one is there', () => {
    const { board, snapshot } = playing();
    snapshot(0, [entry('a')], 1, 2);
    expect(names(board)).toEqual(['a']);
    expect([board.known.value, board.loaded.value]).toEqual([false, 0.5]);
    snapshot(0, [entry('b')], 2, 2);
    expect(names(board)).toEqual(['a', 'b']);
    expect(board.known.value).toBe(true);
  });

  it('knows since when a status is so where it saw it begin, and not before', () => {
    const { board, snapshot, update } = playing();
    snapshot(0, [entry('a', { status: 'degraded' }), entry('b')]);
    update(1_000, entry('a', { status: 'degraded', failed: 3 }));
    update(2_000, entry('b', { status: 'unhealthy' }));
    update(3_000, entry('b', { status: 'unhealthy', failed: 1 }));
    expect([board.turnedAt('a'), board.turnedAt('b')]).toEqual([0, t0 + 2_000]);
    board.clear();
    expect(board.turnedAt('b')).toBe(0);
  });

  it('begins the first snapshot again where it was cut off', () => {
    const { board, snapshot } = playing();
    snapshot(0, [entry('a'), entry('gone')], 1, 2);
    board.lost(false);
    snapshot(1, [entry('a')], 1, 2);
    snapshot(1, [entry('b')], 2, 2);
    expect(names(board)).toEqual(['a', 'b']);
  });

  it('puts a later snapshot in the place of what it shows at once', () => {
    const { board, snapshot } = playing();
    snapshot(0, [entry('a')]);
    snapshot(1, [entry('b')], 1, 2);
    expect(names(board)).toEqual(['a']);
    snapshot(1, [entry('c')], 2, 2);
    expect(names(board)).toEqual(['b', 'c']);
  });

  it('keeps what changed between the pages of a snapshot', () => {
    const { board, snapshot, update, happen } = playing();
    snapshot(0, [entry('a'), entry('gone'), entry('b')]);
    snapshot(1, [entry('a'), entry('gone')], 1, 2);
    update(2, entry('a', { status: 'circuit_open' }));
    update(2, entry('new'));
    happen(3, event('gone', 'removed'));
    snapshot(1, [entry('b')], 2, 2);
    expect(names(board)).toEqual(['a', 'b', 'new']);
    expect(board.entries.get('a')!.status).toBe('circuit_open');
  });

  it('drops what a snapshot has no more, and a snapshot that was cut off changes nothing', () => {
    const { board, snapshot } = playing();
    snapshot(0, [entry('a'), entry('b')]);
    snapshot(1, [entry('c')], 1, 2);
    board.lost(false);
    expect(names(board)).toEqual(['a', 'b']);
    snapshot(2, [entry('d')], 2, 2); // the end of a snapshot whose beginning is lost
    expect(names(board)).toEqual(['a', 'b']);
    snapshot(3, [entry('b')]);
    expect(names(board)).toEqual(['b']);
  });

  it('takes a removed service off the board', () => {
    const { board, snapshot, happen } = playing();
    snapshot(0, [entry('a'), entry('b')]);
    happen(1, event('a', 'removed'));
    expect(names(board)).toEqual(['b']);
  });

  it('tells of any number of messages once a frame', () => {
    const { board, flushes, frame, snapshot, update } = playing();
    snapshot(0, [entry('a')]);
    for (let i = 1; i < 50; i++) update(i, entry('a', { successful: i }));
    expect(flushes).toHaveLength(1);
    expect(board.version.value).toBe(0);
    frame();
    expect(board.version.value).toBe(1);
  });

  it('says that the order may have changed when a status did, and not for numbers', () => {
    const { board, frame, snapshot, update } = playing();
    snapshot(0, [entry('a'), entry('b')]);
    frame();
    const shape = board.shape.value;
    update(1, entry('a', { successful: 9 }));
    frame();
    expect(board.shape.value).toBe(shape);
    update(2, entry('a', { status: 'circuit_open' }));
    frame();
    expect(board.shape.value).toBe(shape + 1);
    update(3, entry('a', { status: 'circuit_open', dependencies: ['b'] }));
    frame();
    expect(board.shape.value).toBe(shape + 2);
  });

  it('remembers when a status changed', () => {
    const { board, snapshot, update } = playing();
    snapshot(0, [entry('a')]);
    expect(board.changedAt('a')).toBe(0);
    update(5_000, entry('a', { status: 'unhealthy' }));
    update(9_000, entry('a', { status: 'unhealthy', successful: 4 }));
    expect(board.changedAt('a')).toBe(t0 + 5_000);
  });

  it('spreads what happened while it was not listening over that time', () => {
    const { board, snapshot, update, tell } = playing();
    snapshot(0, [entry('a'), entry('idle')]);
    board.lost(false);
    update(20_000, entry('a', { successful: 200 }));
    tell(20_000, { type: 'services:heartbeat' });
    const bars = board.ring('a').bars(t0 + 20_000, 4_000, 5).map((bar) => Math.round(bar.successful));
    expect(Math.max(...bars)).toBeLessThan(60);
    update(20_500, entry('idle', { successful: 100 })); // it was idle all the while: this is of now
    expect(board.ring('idle').bars(t0 + 22_000, 2_000, 1)[0]!.successful).toBe(100);
  });

  it('does not take a count that began anew for operations', () => {
    const { board, snapshot, update } = playing();
    snapshot(0, [entry('a', { successful: 1_000 })]);
    update(2_000, entry('a', { successful: 5 }));
    update(4_000, entry('a', { successful: 8 }));
    expect(board.ring('a').rate(t0 + 4_500, 10).operations * 4.5).toBeCloseTo(3);
  });

  it('keeps 500 events, the newest first, also when no frame is drawn for long', () => {
    const { board, frame, happen } = playing();
    for (let i = 1; i <= 5_000; i++) happen(i, event('a', 'transition', i));
    frame();
    expect(board.events.value).toHaveLength(500);
    expect(board.events.value[0]!.seq).toBe(5_000);
    expect(board.events.value.at(-1)!.seq).toBe(4_501);
  });

  it('forgets everything for who comes next', () => {
    const { board, snapshot, happen } = playing();
    snapshot(0, [entry('a')]);
    happen(1, event('a', 'transition'));
    board.clear();
    expect(names(board)).toEqual([]);
    expect(board.events.value).toEqual([]);
    expect(board.known.value).toBe(false);
  });
});

describe('View', () => {
  it('is another one each time, of the same entries', () => {
    const map = new Map([['a', 1]]);
    const view = new View(map);
    map.set('b', 2);
    expect(view.size).toBe(2);
    expect([...view]).toEqual([['a', 1], ['b', 2]]);
    expect(new View(map)).not.toBe(view);
  });
});
