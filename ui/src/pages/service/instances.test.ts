import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { CircuitBreaker, Instance } from '../../wire';
import { filtered, inOrder, Instances, runText, standingOf, standingWords, standsSince, told } from './instances';

const now = Date.UTC(2026, 10, 23, 8);
const at = (s: number) => new Date(now + 1_000 * s).toISOString();

function one(name: string, { breaker, ...wish }: Partial<Omit<Instance, 'circuit_breaker'>> & { breaker?: Partial<CircuitBreaker> } = {}): Instance {
  return {
    instance: `id-of-${name}`, name, program: 'shop/1.2', library: '', address: '10.0.0.9:4', node: '', connected: true, stale: false, started_at: at(-900), joined_at: at(-800),
    seen_at: at(-1), config_version: 5, config_error: null, is_open: false,
    circuit_breaker: { state: 'closed', mode: 'auto', last_reset: null, opened_at: null, last_recovery_attempt: null, outage: null, ...breaker },
    ...wish,
  } as Instance;
}

const open = one('m', { is_open: true, breaker: { state: 'open', opened_at: at(-20) } });
const trial = one('n', { breaker: { state: 'half_open', opened_at: at(-90), last_recovery_attempt: at(-30) } });
const silent = one('c', { connected: false, stale: true, is_open: true, breaker: { state: 'open', opened_at: at(-40) } });
const cut = one('d', { connected: false, seen_at: at(-4) });
const gone = one('a', { connected: false, seen_at: at(-600) });
const refused = one('k', { config_version: 4, config_error: 'failureThreshold: too large' });
const all = [gone, one('z'), refused, cut, silent, trial, one('b'), open];

describe('how an instance stands', () => {
  it('is told by its circuit only while it is heard', () => {
    expect(all.map((i) => standingOf(i, now))).toEqual(['gone', 'closed', 'closed', 'away', 'silent', 'half_open', 'closed', 'open']);
    expect([silent, cut, gone, trial].map((i) => standingWords(i, standingOf(i, now)))).toEqual(['silent, was open', 'cut off, was closed', 'gone', 'half-open']);
  });

  it('is since its outage began, its recovery, its reset, or since it joined', () => {
    const long = one('x', { breaker: { state: 'open', opened_at: at(-5), outage: { began_at: at(-700) } as never } });
    const reset = one('x', { breaker: { last_reset: at(-8) } });
    expect([open, long, trial, reset, one('x')].map(standsSince)).toEqual([at(-20), at(-700), at(-30), at(-8), at(-800)]);
    expect(standsSince(one('x', { breaker: { mode: 'forced_open' } }))).toBe(null);
  });
});

describe('the list of instances', () => {
  it('has the open ones first, then the silent ones, each by name, and last those that are gone', () => {
    expect(inOrder(all, now).map((i) => i.name)).toEqual(['m', 'n', 'c', 'b', 'd', 'k', 'z', 'a']);
    expect(inOrder([one('b', { instance: '2' }), one('b', { instance: '1' })], now).map((i) => i.instance)).toEqual(['1', '2']);
  });

  it('is found by what is told of each, and by how it is', () => {
    const names = (text: string, only: Parameters<typeof filtered>[2]) => filtered(all, text, only, 5, now).map((i) => i.name).join('');
    expect([names(' ID-OF-K ', ''), names('10.0.0.9', 'open'), names('', 'silent'), names('', 'refused'), names('', 'other'), names('nothing', '')]).toEqual(['k', 'm', 'c', 'k', 'k', '']);
  });

  it('is told in a sentence', () => {
    expect(told(all, now)).toBe('8 instances: 1 open, 1 half-open, 1 silent, 1 cut off, 1 gone');
    expect([told([one('a')], now), told([one('a'), one('b')], now)]).toEqual(['1 instance, which is well', '2 instances, none of them open']);
    expect([runText(all, 5), runText([refused], 5), runText([one('a')], 5)]).toEqual([
      '7 of 8 instances run version 5.', 'Its one instance does not run version 5 yet.', 'Its one instance runs version 5.',
    ]);
  });
});

describe('asking for the instances', () => {
  beforeEach(() => void vi.useFakeTimers({ now }));
  afterEach(() => void vi.useRealTimers());

  function asked({ seen = () => true, answer = () => Promise.resolve([one('a')]) }: { seen?: () => boolean; answer?: () => Promise<Instance[]> } = {}) {
    const ask = vi.fn((_: AbortSignal) => answer());
    return { ask, data: new Instances(ask, () => Date.now(), seen) };
  }
  const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

  it('is done at once, and however much changes then once in two seconds', async () => {
    const { ask, data } = asked();
    data.changed();
    await settle();
    expect(data.list.value?.length).toBe(1);
    for (let i = 0; i < 19; i++) {
      data.changed();
      await settle(100);
    }
    expect(ask).toHaveBeenCalledTimes(1);
    await settle(200);
    expect(ask).toHaveBeenCalledTimes(2);
    await settle(60_000);
    expect(ask).toHaveBeenCalledTimes(2); // nothing has changed since
  });

  it('waits while nobody looks, and is made up for when somebody does', async () => {
    let visible = false;
    const { ask, data } = asked({ seen: () => visible });
    data.changed();
    data.refresh();
    await settle(60_000);
    expect(ask).not.toHaveBeenCalled();
    visible = true;
    data.next();
    await settle();
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it('is under way once at a time, and again after it where something changed meanwhile', async () => {
    const answers: ((list: Instance[]) => void)[] = [];
    const { ask, data } = asked({ answer: () => new Promise((done) => answers.push(done)) });
    data.changed();
    await settle(5_000);
    data.changed();
    expect(ask).toHaveBeenCalledTimes(1);
    answers[0]!([]);
    await settle();
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('keeps what was answered when it fails, says why, and is tried again', async () => {
    let fails = false;
    const { data } = asked({ answer: () => (fails ? Promise.reject(new Error('the manager cannot be reached')) : Promise.resolve([one('a')])) });
    data.changed();
    await settle(3_000);
    fails = true;
    data.changed();
    await settle();
    expect([data.list.value?.length, data.error.value, data.at.value]).toEqual([1, 'the manager cannot be reached', now]);
    fails = false;
    await settle(10_000);
    data.refresh();
    await settle();
    expect(data.error.value).toBe('');
  });

  it('refreshes what is ten seconds old, and not sooner', async () => {
    const { ask, data } = asked();
    data.changed();
    await settle(9_900);
    data.refresh();
    await settle();
    expect(ask).toHaveBeenCalledTimes(1);
    await settle(100);
    data.refresh();
    await settle();
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('is over when nobody wants it any more', async () => {
    const { ask, data } = asked({ answer: () => new Promise(() => undefined) });
    data.changed();
    data.stop();
    expect(ask.mock.calls[0]![0].aborted).toBe(true);
    data.changed();
    await settle(5_000);
    expect(ask).toHaveBeenCalledTimes(1);
  });
});
