import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Message } from '../wire';
import { backoff, Stream, type Socket } from './socket';

class FakeSocket implements Socket {
  onopen = null;
  onerror = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  closed = false;
  constructor(readonly query: string) {}
  close() {
    this.closed = true;
  }
  hear(message: object) {
    this.onmessage?.call(this as unknown as WebSocket, { data: JSON.stringify(message) } as MessageEvent);
  }
  end(code = 1006) {
    this.onclose?.call(this as unknown as WebSocket, { code } as CloseEvent);
  }
}

const at = () => ({ timestamp: new Date().toISOString() });
const status = (epoch: string, seq: number) => ({ type: 'connection:status', status: 'connected', role: 'viewer', epoch, seq, heartbeat_ms: 5_000, ...at() });
const page = (epoch: string, seq: number, n = 1, pages = 1) => ({ type: 'services:state', epoch, seq, page: n, pages, services: [], ...at() });
const heartbeat = (epoch: string, seq: number) => ({ type: 'services:heartbeat', epoch, seq, ...at() });

function streaming() {
  const sockets: FakeSocket[] = [];
  const taken: Message[] = [];
  const lost: boolean[] = [];
  const stream = new Stream({
    open: (query) => {
      const socket = new FakeSocket(query);
      sockets.push(socket);
      return socket;
    },
    take: (message) => taken.push(message),
    lost: (ended) => lost.push(ended),
    random: () => 1,
  });
  return { stream, sockets, taken, lost };
}

describe('Stream', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 10, 23) }));
  afterEach(() => void vi.useRealTimers());

  it('asks for a snapshot at first, and after a loss for just what it missed', () => {
    const { stream, sockets } = streaming();
    stream.start();
    expect(sockets[0]!.query).toBe('');
    sockets[0]!.hear(status('e 1', 7));
    sockets[0]!.hear(page('e 1', 7));
    sockets[0]!.hear(heartbeat('e 1', 12));
    sockets[0]!.end();
    vi.advanceTimersByTime(250);
    expect(sockets).toHaveLength(2);
    expect(sockets[1]!.query).toBe('?epoch=e%201&seq=12');
  });

  it.each(['alert:firing', 'alert:resolved'])('passes on %s, and takes it for a place to come back to', (type) => {
    const { stream, sockets, taken } = streaming();
    stream.start();
    sockets[0]!.hear(status('e', 7));
    sockets[0]!.hear(page('e', 7));
    sockets[0]!.hear({ type, epoch: 'e', seq: 8, alert: { id: '1' }, ...at() });
    sockets[0]!.hear({ type: 'something:new', epoch: 'e', seq: 9, ...at() }); // of a newer manager
    expect(taken.slice(2).map((message) => message.type)).toEqual([type, 'something:new']);
    sockets[0]!.end();
    vi.advanceTimersByTime(250);
    expect(sockets[1]!.query).toBe('?epoch=e&seq=8');
  });

  it('takes half a snapshot for no place to come back to', () => {
    const { stream, sockets } = streaming();
    stream.start();
    sockets[0]!.hear(status('e', 7));
    sockets[0]!.hear(page('e', 7));
    sockets[0]!.hear(page('e', 8, 1, 2)); // told to start again
    sockets[0]!.hear(heartbeat('e', 9));
    sockets[0]!.end();
    vi.advanceTimersByTime(250);
    expect(sockets[1]!.query).toBe('');
  });

  it('forgets its place when the manager begins a new epoch', () => {
    const { stream, sockets } = streaming();
    stream.start();
    sockets[0]!.hear(status('old', 7));
    sockets[0]!.hear(page('old', 7));
    sockets[0]!.end();
    vi.advanceTimersByTime(250);
    sockets[1]!.hear(status('new', 1));
    sockets[1]!.end();
    vi.advanceTimersByTime(250);
    expect(sockets[2]!.query).toBe('');
  });

  it('waits longer after each failed try, and starts anew after one that worked', () => {
    const { stream, sockets } = streaming();
    stream.start();
    for (const wait of [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      const before = sockets.length;
      sockets.at(-1)!.end();
      vi.advanceTimersByTime(wait - 1);
      expect(sockets).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(sockets).toHaveLength(before + 1);
    }
    sockets.at(-1)!.hear(status('e', 1));
    const before = sockets.length;
    sockets.at(-1)!.end();
    vi.advanceTimersByTime(250);
    expect(sockets).toHaveLength(before + 1);
  });

  it('spreads the tries of many pages over the whole wait', () => {
    expect(backoff(3, 10_000, () => 0)).toBe(0);
    expect(backoff(3, 10_000, () => 0.5)).toBe(1_000);
    expect(backoff(50, 10_000, () => 1)).toBe(10_000);
  });

  it('waits no longer than the manager says', () => {
    const { stream, sockets } = streaming();
    stream.start();
    sockets[0]!.hear({ ...status('e', 1), reconnect_ms: 2_000 });
    for (let i = 0; i < 10; i++) {
      sockets.at(-1)!.end();
      vi.advanceTimersByTime(2_000);
      expect(sockets).toHaveLength(i + 2);
    }
  });

  it('takes a silent connection for dead, and not one that is heard', () => {
    const { stream, sockets, lost } = streaming();
    stream.start();
    sockets[0]!.hear(status('e', 1));
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(5_000);
      sockets[0]!.hear(heartbeat('e', i));
    }
    expect(lost).toEqual([]);
    vi.advanceTimersByTime(17_500);
    expect(lost).toEqual([false]);
    expect(sockets[0]!.closed).toBe(true);
  });

  it('finds at once, when the page wakes, that the connection died meanwhile', () => {
    const { stream, sockets, lost } = streaming();
    stream.start();
    sockets[0]!.hear(status('e', 1));
    sockets[0]!.hear(page('e', 1));
    vi.setSystemTime(Date.now() + 3_600_000); // the machine slept: no timer ran
    stream.wake();
    expect(lost).toEqual([false]);
    vi.advanceTimersByTime(250);
    expect(sockets.at(-1)!.query).toBe('?epoch=e&seq=1');
  });

  it('does not wait any longer when the page wakes between two tries', () => {
    const { stream, sockets } = streaming();
    stream.start();
    for (let i = 0; i < 6; i++) {
      sockets.at(-1)!.end();
      vi.advanceTimersByTime(10_000);
    }
    sockets.at(-1)!.end();
    const before = sockets.length;
    stream.wake();
    expect(sockets).toHaveLength(before + 1);
    vi.advanceTimersByTime(10_000);
    expect(sockets).toHaveLength(before + 1); // and the try that was due does not come on top
  });

  it('leaves a connection that works alone when the page wakes', () => {
    const { stream, sockets, lost } = streaming();
    stream.start();
    sockets[0]!.hear(status('e', 1));
    stream.wake();
    expect(sockets).toHaveLength(1);
    expect(lost).toEqual([]);
  });

  it('tries no more after the log-in has ended, and starts as somebody new', () => {
    const { stream, sockets, lost } = streaming();
    stream.start();
    sockets[0]!.hear(status('e', 1));
    sockets[0]!.hear(page('e', 1));
    sockets[0]!.end(4001);
    expect(lost).toEqual([true]);
    vi.advanceTimersByTime(60_000);
    stream.wake();
    expect(sockets).toHaveLength(1);
    stream.start();
    expect(sockets[1]!.query).toBe('');
  });

  it('opens one connection however often it is started', () => {
    const { stream, sockets } = streaming();
    stream.start();
    stream.start();
    expect(sockets).toHaveLength(1);
    sockets[0]!.end();
    stream.start();
    vi.advanceTimersByTime(10_000);
    expect(sockets).toHaveLength(2);
  });

  it('hears nothing more from a connection that it gave up', () => {
    const { stream, sockets, taken, lost } = streaming();
    stream.start();
    stream.stop();
    expect(sockets[0]!.closed).toBe(true);
    sockets[0]!.hear(heartbeat('e', 1));
    sockets[0]!.end();
    vi.advanceTimersByTime(60_000);
    expect(taken).toEqual([]);
    expect(lost).toEqual([]);
    expect(sockets).toHaveLength(1);
  });
});
