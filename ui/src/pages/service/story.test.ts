import { describe, expect, it } from 'vitest';

import type { Config, EventKind, ServiceEvent } from '../../wire';
import { changesBefore, configThen, measures, mergeEvents, opener, openings, retries, tries } from './story';

const t0 = Date.UTC(2026, 10, 23, 16, 0, 0);

function event(at: number, kind: EventKind, from: string | null, to: string | null, more: Partial<ServiceEvent> = {}): ServiceEvent {
  return { id: at, seq: at, service: 's', kind, from, to, at: new Date(t0 + at).toISOString(), actor: null, reason: null, evidence: null, durable: true, ...more };
}
const moves = (at: number, from: string, to: string, evidence: Record<string, unknown> = {}) => event(at, 'transition', from, to, { evidence });

describe('openings', () => {
  const story = [
    moves(1_000, 'closed', 'open', { rule: 'failure_threshold' }),
    moves(2_000, 'open', 'half_open'),
    moves(2_100, 'half_open', 'open', { rule: 'recovery_failure' }),
    moves(4_000, 'open', 'half_open'),
    moves(5_000, 'half_open', 'closed'),
  ];

  it('tell one opening with its attempts, however the events are ordered', () => {
    for (const events of [story, [...story].reverse()]) {
      const [o, ...others] = openings(events);
      expect(others).toEqual([]);
      expect(o!.begin).toBe(story[0]);
      expect(o!.attempts).toEqual([{ begin: story[1], end: story[2] }, { begin: story[3], end: story[4] }]);
      expect(o!.end).toBe(story[4]);
      expect(o!.partial).toBe(false);
    }
  });

  it('are of the service, and not of its instances', () => {
    const of = (at: number, instance: string) => event(at, 'instance_transition', 'closed', 'open', { evidence: { transition: 1, instance, scope: 'instance' } });
    const both = [of(900, 'a'), of(900, 'b')];
    expect(openings([...both, ...story])).toHaveLength(1);
    expect(openings(both)).toEqual([]);
    expect(mergeEvents(both, both)).toHaveLength(2); // two of one moment are two
  });

  it('come newest first, and one that goes on has no end', () => {
    const list = openings([...story, moves(9_000, 'closed', 'open'), moves(9_500, 'open', 'half_open')]);
    expect(list).toHaveLength(2);
    expect(list[0]!.end).toBeNull();
    expect(list[0]!.attempts[0]!.end).toBeNull();
  });

  it('say when the beginning is not there', () => {
    const [o] = openings(story.slice(2));
    expect(o!.partial).toBe(true);
    expect(o!.end).toBe(story[4]);
  });

  it('tell resets and overrides that came between', () => {
    const reset = event(1_500, 'reset', 'open', 'closed', { actor: 'alice' });
    const [o] = openings([story[0]!, reset, moves(1_501, 'open', 'closed', { rule: 'reset' }), event(7_000, 'reset', 'closed', 'closed')]);
    expect(o!.orders).toEqual([reset]);
    expect(o!.end?.evidence).toEqual({ rule: 'reset' });
  });

  it('tell a circuit that was forced open', () => {
    const forced = event(1_000, 'override', 'auto', 'forced_open', { actor: 'bob' });
    const [o] = openings([forced, event(3_000, 'override_expired', 'forced_open', 'auto'), moves(3_000, 'closed', 'half_open'), moves(4_000, 'half_open', 'closed')]);
    expect(o!.begin).toBe(forced);
    expect(o!.attempts).toHaveLength(1);
    expect(o!.end?.to).toBe('closed');
  });

  it('are one, whatever fails in between, and know of more than is there by what each transition tells', () => {
    const at = new Date(t0 - 3_600_000).toISOString();
    const outage = (openings: number) => ({ outage: { began_at: at, rule: 'failure_rate', failures: 40, successes: 2, last_error: 'refused', openings } });
    const late = [
      moves(1_000, 'open', 'half_open', { transition: 40, ...outage(20) }),
      moves(1_000, 'half_open', 'open', { transition: 41, rule: 'health_check', last_error: 'HTTP 503', ...outage(21) }),
      moves(9_000, 'open', 'half_open', { transition: 42, ...outage(21) }),
    ];
    late[1]!.seq = 3; // of an earlier run of the manager
    const [o, ...others] = openings(late);
    expect(others).toEqual([]);
    expect([o!.since, o!.partial, o!.opened, o!.end]).toEqual([t0 - 3_600_000, true, null, null]);
    expect(opener(o!)).toMatchObject({ at, from: 'closed', evidence: { rule: 'failure_rate', failures: 40, last_error: 'refused' } });
    expect(retries(o!)).toEqual({ failed: 20, latest: late[1] });
    expect(tries(o!)).toBe(21);
    const [over] = openings([...late, moves(20_000, 'half_open', 'closed', { transition: 43, ...outage(21) })]);
    expect([over!.since, over!.end?.to, tries(over!)]).toEqual([t0 - 3_600_000, 'closed', 21]);
  });

  it('are two where one ended unseen, and the older is not said to go on', () => {
    const outage = (began: number, openings: number) => ({ outage: { began_at: new Date(t0 + began).toISOString(), rule: 'slow_calls', failures: 0, successes: 0, last_error: null, openings } });
    const list = openings([moves(0, 'closed', 'open', outage(0, 1)), moves(5_000, 'open', 'half_open', outage(4_000, 1))]);
    expect(list.map((o) => [o.since - t0, o.partial, o.lost])).toEqual([[4_000, true, false], [0, false, true]]);
    expect(openings([moves(0, 'closed', 'open'), moves(9_000, 'closed', 'open')]).map((o) => o.lost)).toEqual([false, true]);
    expect(openings([moves(7_000, 'half_open', 'closed', outage(6_000, 3))]).map((o) => [o.since - t0, o.end?.to])).toEqual([[6_000, 'closed']]);
  });

  it('count the opening after an order as none of the recoveries that failed', () => {
    const began = { outage: { began_at: new Date(t0 + 4_000).toISOString(), rule: 'recovery_failure', failures: 1, successes: 0, last_error: 'x', openings: 1 } };
    const [o] = openings([event(1_000, 'override', 'auto', 'forced_open', { actor: 'bob' }), moves(3_000, 'closed', 'half_open'), moves(4_000, 'half_open', 'open', began)]);
    expect([o!.begin.kind, o!.since - t0, o!.opened?.at, retries(o!).failed]).toEqual(['override', 1_000, began.outage.began_at, 0]);
  });

  it('end where what was only forced open is forced closed', () => {
    const [o] = openings([event(1_000, 'override', 'auto', 'forced_open'), event(2_000, 'override', 'forced_open', 'forced_closed'), event(3_000, 'override_expired', 'forced_closed', 'auto')]);
    expect(o!.end?.to).toBe('forced_closed');
  });

  it('make none of overrides that let everything in', () => {
    expect(openings([event(1, 'override', 'auto', 'forced_closed'), event(2, 'override', 'forced_closed', 'auto')])).toEqual([]);
  });
});

describe('measures', () => {
  const evidence = { rule: 'failure_rate', failures: 30, successes: 30, slow: 6, consecutive_failures: 4 };
  const of = (rule: string, config: Config) => measures(moves(0, 'closed', 'open', { ...evidence, rule }), config);

  it('put the numbers against the thresholds, those of the rule first', () => {
    expect(of('failure_rate', { failureThreshold: 5, failureRateThreshold: 0.5, minimumOperations: 20 })).toEqual([
      { name: 'failures', value: 30, threshold: 5, share: false, reached: true, decisive: true },
      { name: 'rate', value: 0.5, threshold: 0.5, share: true, reached: true, decisive: true },
      { name: 'operations', value: 60, threshold: 20, share: false, reached: true, decisive: true },
    ]);
  });

  it('leave out the rules that are off', () => {
    expect(of('failure_threshold', { failureThreshold: 5 }).map((m) => m.name)).toEqual(['failures']);
  });

  it('know failures in a row and slow calls', () => {
    const list = of('slow_calls', { failureThreshold: 50, consecutiveFailureThreshold: 4, slowCallDurationMs: 100, slowCallRateThreshold: 0.2, minimumOperations: 1 });
    expect(list.map((m) => [m.name, m.reached, m.decisive])).toEqual([
      ['slow', false, true], ['operations', true, true], ['failures', false, false], ['consecutive', true, false],
    ]);
  });

  it('do without a config', () => expect(measures(moves(0, 'closed', 'open', evidence), null)[0]).toMatchObject({ value: 30, reached: false }));
});

describe('configThen', () => {
  const versions = [3, 2, 1].map((version) => ({ version, config: {}, at: new Date(t0 + version * 1_000).toISOString(), actor: 'a', reason: '' }));

  it('is the version that the evidence names', () => {
    expect(configThen(moves(9_000, 'closed', 'open', { config_version: 2 }), versions)?.version).toBe(2);
  });
  it('is else the newest of that time', () => {
    expect(configThen(moves(2_500, 'closed', 'open'), versions)?.version).toBe(2);
    expect(configThen(moves(500, 'closed', 'open'), versions)).toBeNull();
  });
});

describe('changesBefore', () => {
  it('tells what was done to it and all of its dependencies, the nearest first, within the minutes before', () => {
    const opened = moves(700_000, 'closed', 'open');
    const [o] = openings([opened]);
    const events = [
      event(1_000, 'config_changed', null, null), // too old
      event(200_000, 'config_changed', null, null),
      moves(300_000, 'half_open', 'closed'), // its own moves are the other cards
      event(650_000, 'transition', 'closed', 'open', { service: 'dep' }),
      opened,
      event(700_001, 'health_failed', null, null),
    ];
    const { list, more } = changesBefore(o!, events, 's');
    expect(list.map((e) => [e.service, e.kind])).toEqual([['dep', 'transition'], ['s', 'config_changed']]);
    expect(more).toBe(0);
  });

  it('says how many it leaves out', () => {
    const [o] = openings([moves(60_000, 'closed', 'open')]);
    const many = Array.from({ length: 20 }, (_, i) => event(i, 'health_failed', null, null, { service: 'dep' }));
    const { list, more } = changesBefore(o!, many, 's');
    expect(list.length + more).toBe(20);
    expect(list[0]!.seq).toBe(19);
  });
});

describe('mergeEvents', () => {
  it('has each event once, newest first, the stored one rather than that which was not yet', () => {
    const early = event(5, 'override', 'auto', 'forced_open', { id: null, durable: false });
    const stored = { ...early, id: 17, durable: true };
    const other = event(9, 'reset', 'open', 'closed');
    expect(mergeEvents([early], [stored, other])).toEqual([other, stored]);
    expect(mergeEvents([stored], [early])).toEqual([stored]);
  });
});
