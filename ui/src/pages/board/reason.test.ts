import { describe, expect, it } from 'vitest';

import type { CircuitBreaker, Entry, Health, Outage } from '../../wire';
import { adviceOf, notesOf } from './note';
import { errorsOf, lacksError, openedBy, reasonOf, silent, sinceOf, sinceText } from './reason';
import { flat } from './words';

const t0 = Date.UTC(2026, 10, 23, 8);
const at = (s: number) => new Date(t0 + 1_000 * s).toISOString();

type Wish = Partial<Omit<Entry, 'circuit_breaker' | 'health'>> & { breaker?: Partial<CircuitBreaker>; health?: Partial<Health> };

function entry({ breaker, health, ...wish }: Wish = {}): Entry {
  return {
    service: 'a', status: 'circuit_open', running: true, instances: { total: 1, open: 0, stale: 0 }, operations: { total: 9, ignored: 0 }, report_interval_ms: 0,
    config: { failureThreshold: 5, healthCheckIntervalMs: 10_000 },
    circuit_breaker: {
      state: 'closed', mode: 'auto', failures: 0, consecutive_failures: 0, last_error: null, last_failure: null, last_recovery_attempt: null, opened_at: null,
      next_attempt_at: null, closes_at: null, admitted_share: 1, awaits_health_check: false, trip: null, outage: null, override: null, ...breaker,
    },
    health: { healthy: null, checked_at: null, error: null, consecutive_failures: 0, ...health },
    ...wish,
  } as unknown as Entry;
}

const outage: Outage = { began_at: at(0), rule: 'failure_threshold', failures: 5, successes: 12, last_error: 'connection refused', event_id: 1, openings: 5 };
const trip = { rule: 'recovery_failure', failures: 1, successes: 0, last_error: 'HTTP 503', event_id: 9 };
const opened = { state: 'open', opened_at: at(700), trip, outage, last_error: 'HTTP 503', last_failure: at(700) } as const;
const override = { mode: 'forced_open', reason: 'the supplier moves', actor: 'ana', expires_at: at(900) } as const;

describe('what is told of an outage', () => {
  const down = entry({ breaker: opened });

  it('is since when, how many recoveries failed, the first reason and the first error, and the latest where it is another', () => {
    expect(sinceText(down, sinceOf(down, 0), t0 + 724_000)).toBe('for 12m 04s, 4 failed recoveries');
    expect(flat(reasonOf(down, []))).toBe('circuit open: too many failures (5 of 17)');
    expect(errorsOf(down, t0 + 724_000)).toEqual([{ label: 'first', text: 'connection refused' }, { label: 'latest', text: 'HTTP 503' }]);
    expect(notesOf(down, []).map((n) => flat(n.words))).toEqual(['4 failed recoveries; \u2068connection refused\u2069']);
    expect(openedBy(down)).toBe('5 failed');
  });

  it('is one error where the latest differs in numbers only', () => {
    const trips = { ...trip, last_error: 'read tcp 10.0.0.7:50222: reset' };
    const same = entry({ breaker: { ...opened, outage: { ...outage, last_error: 'read tcp 10.0.0.7:49001: reset' }, trip: trips, last_error: trips.last_error } });
    expect(errorsOf(same, t0)).toEqual([{ label: '', text: 'read tcp 10.0.0.7:50222: reset' }]);
  });

  it('is the latest opening where the outage was not stored', () => {
    const old = entry({ breaker: { ...opened, outage: undefined as never } });
    expect(sinceText(old, sinceOf(old, 0), t0 + 724_000)).toBe('for 24s');
    expect(errorsOf(old, t0)).toEqual([{ label: '', text: 'HTTP 503' }]);
  });

  it('says that an error is older than the recovery, or that it is of it', () => {
    const trial = { ...opened, state: 'half_open', last_recovery_attempt: at(730) } as const;
    expect(errorsOf(entry({ breaker: trial }), t0 + 880_000)).toEqual([
      { label: 'first', text: 'connection refused' }, { label: 'last error before the recovery, 3m 00s ago', text: 'HTTP 503' },
    ]);
    expect(errorsOf(entry({ breaker: { ...trial, outage: null } }), t0 + 880_000)).toEqual([{ label: 'last error before the recovery, 3m 00s ago', text: 'HTTP 503' }]);
    const failed = entry({ breaker: { ...trial, outage: null, last_error: 'HTTP 500', last_failure: at(875) } });
    expect(errorsOf(failed, t0 + 880_000).at(-1)).toEqual({ label: 'in the recovery, 5s ago', text: 'HTTP 500' });
  });

  it('misses an error only where there should be one', () => {
    const without = (rule: string) => entry({ breaker: { ...opened, outage: null, last_error: null, trip: { ...trip, rule, last_error: null } } });
    expect(['failure_threshold', 'slow_calls'].map((rule) => lacksError(without(rule)))).toEqual([true, false]);
    expect(lacksError(entry({ breaker: { mode: 'forced_open', override } }))).toBe(false);
  });
});

describe('what is told of an override', () => {
  it('is who, why and until when, and no old error', () => {
    const forced = entry({ breaker: { mode: 'forced_open', override, last_error: 'old', last_failure: at(-90) } });
    expect(reasonOf(forced, [])).toEqual(['forced open by ', { told: 'ana' }, ': ', { told: 'the supplier moves' }, '']);
    expect(adviceOf(forced)).toEqual({ text: 'The override ends', until: at(900) });
    expect(errorsOf(forced, t0)).toEqual([]);
    expect(openedBy(forced)).toBe('by hand');
    expect(notesOf(forced, ['db'])).toMatchObject([{ kind: 'override', until: at(900) }, { kind: 'quiet', words: [{ told: 'ana' }, ': ', { told: 'the supplier moves' }] }]);
  });

  it('is how the circuit stands without it, too', () => {
    const closed = entry({ breaker: { ...opened, mode: 'forced_closed', override: { ...override, mode: 'forced_closed' } } });
    expect(flat(reasonOf(closed, []))).toContain('; without it the circuit is open');
    expect(adviceOf(closed).text).toBe('The override ends');
  });
});

describe('why a service is unhealthy or degraded', () => {
  const told = (wish: Wish, needs: string[] = []) => notesOf(entry({ status: 'degraded', ...wish }), needs).map((n) => flat(n.words));
  const reason = (wish: Wish, needs: string[] = []) => flat(reasonOf(entry({ status: 'degraded', ...wish }), needs));

  it('is its own failure first, and then what it needs', () => {
    expect(told({ status: 'unhealthy', health: { healthy: false, error: 'HTTP 500' } }, ['cache'])).toEqual(['health check: \u2068HTTP 500\u2069', 'needs cache, which fails']);
    expect(told({ breaker: { ...opened, outage: null } }, ['cache', 'db'])).toEqual(['\u2068HTTP 503\u2069', 'needs cache, db, which fail']);
    expect(told({}, ['cache'])).toEqual(['needs cache, which fails']);
    expect(reason({}, ['cache'])).toBe('needs cache, which fails');
  });

  it.each<[string, Wish]>([
    ['health check failed 4 times in a row', { health: { healthy: false, consecutive_failures: 4 } }],
    ['not running: so it says itself', { running: false }],
    ['3 of 12 instances are open', { instances: { total: 12, open: 3, stale: 0 } }],
    ['1 of 14 instances is open, 2 are silent', { instances: { total: 14, open: 1, stale: 2 } }],
    ['one of its instances recovers, or is near to opening', { source: 'agent', instances: { total: 3, open: 0, stale: 0 }, breaker: { failures: 9 } }],
    ['3 failures in the window, 5 open it', { breaker: { failures: 3 } }],
    ['60 failures in the window, 100 open it if they are 50 % of all', { config: { failureThreshold: 100, failureRateThreshold: 0.5 }, breaker: { failures: 60 } }],
    ['4 failures in a row, 6 open it', { config: { failureThreshold: 500, consecutiveFailureThreshold: 6 }, breaker: { failures: 4, consecutive_failures: 4 } }],
  ])('says: %s', (text, wish) => expect(reason(wish)).toBe(text));

  it('is how many instances refuse, with their error, and what those do next', () => {
    const some = { instances: { total: 14, open: 1, stale: 0 }, breaker: { last_error: 'reset by peer' } };
    expect(told(some)).toEqual(['1 of 14 instances is open: \u2068reset by peer\u2069']);
    expect(adviceOf(entry({ status: 'degraded', ...some })).text).toBe('That one refuses, and tries again by itself.');
    expect(reason({ instances: { total: 14, open: 14, stale: 0 }, breaker: opened })).toBe('circuit open: too many failures (5 of 17); instances: 14 of 14 open');
    expect(told({ status: 'circuit_open', instances: { total: 14, open: 13, stale: 1 }, breaker: opened })).toEqual(['4 failed recoveries; \u2068connection refused\u2069', 'instances: 13 of 14 open, 1 silent']);
    expect(told({ status: 'unknown', source: 'agent', instances: { total: 0, open: 0, stale: 0 } })).toEqual(['no instance is connected']);
  });

  it('says how old an error is that opened nothing', () => {
    expect(errorsOf(entry({ status: 'degraded', breaker: { failures: 3, last_error: 'HTTP 500', last_failure: at(-12) } }), t0)).toEqual([{ label: 'last error, 12s ago', text: 'HTTP 500' }]);
  });

  it('is since its status changed, where that was seen, and else about since its check fails', () => {
    const ill = entry({ status: 'unhealthy', health: { healthy: false, checked_at: at(0), consecutive_failures: 4 } });
    expect(sinceText(ill, sinceOf(ill, t0 - 21_000), t0)).toBe('for 21s');
    expect(sinceText(ill, sinceOf(ill, 0), t0)).toBe('for about 30s');
    expect(sinceText(ill, sinceOf(entry({ status: 'unhealthy', running: false }), 0), t0)).toBe('');
  });

  it('tells a service that is silent from one of which nothing is known yet', () => {
    const quiet = { status: 'unknown', report_interval_ms: 1_000 } as const;
    expect(silent(entry(quiet))).toBe(true);
    expect(told(quiet)).toEqual(['silent: its reports have stopped']);
    expect(told({ ...quiet, operations: { total: 0, ignored: 0 } as never })).toEqual(['nothing has run yet']);
    expect(told({ status: 'healthy', instances: { total: 3, open: 0, stale: 1 } })).toEqual(['1 of 3 instances is silent']);
  });
});
