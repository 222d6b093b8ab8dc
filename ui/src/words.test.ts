import { describe, expect, it } from 'vitest';

import type { CircuitBreaker, Entry, ServiceEvent } from './wire';
import { census, circuitWords, downBecause, downSince, eventText, failedRecoveries, instanceOf, kindWords, ruleText, serviceKinds, statusWords, worstFirst } from './words';

const event = (kind: ServiceEvent['kind'], from: string | null, to: string | null, evidence: Record<string, unknown> | null = null): ServiceEvent =>
  ({ id: 1, seq: 1, service: 'a', kind, from, to, at: '', actor: null, reason: null, evidence, durable: true });

describe('words', () => {
  it('has a word for every status, the worst first', () => {
    expect([...worstFirst].sort()).toEqual(Object.keys(statusWords).sort());
    expect([worstFirst[0], worstFirst.at(-1)]).toEqual(['circuit_open', 'healthy']);
  });

  it('says how a circuit stands by its mode where somebody set one', () => {
    expect(circuitWords({ state: 'half_open', mode: 'auto' })).toBe('half-open');
    expect(circuitWords({ state: 'closed', mode: 'forced_open' })).toBe('forced open');
  });

  it('tells a transition with its rule', () => {
    expect(eventText(event('transition', 'closed', 'open', { rule: 'failure_threshold' }))).toBe('closed → open: too many failures');
    expect(eventText(event('transition', 'half_open', 'closed'))).toBe('half-open → closed');
  });

  it('tells what an instance did with its name, and has that apart from what the service did', () => {
    const did = event('instance_transition', 'closed', 'open', { rule: 'failure_threshold', instance: 'c0ffee00a1b2', instance_name: 'web-1' });
    expect(eventText(did)).toBe('\u2068web-1\u2069 closed → open: too many failures');
    expect([instanceOf(event('transition', null, null, { instance: 'c0ffee00a1b2', instance_name: '' })), instanceOf(event('transition', null, null))]).toEqual(['c0ffee00', '']);
    expect(Object.keys(kindWords).filter((kind) => !(serviceKinds as string[]).includes(kind))).toEqual(['instance_transition']);
  });

  it('tells how many instances are open or silent, where that is news', () => {
    const said = (total: number, open: number, stale: number) => census({ total, open, stale });
    expect([said(14, 2, 0), said(14, 2, 1), said(14, 0, 1), said(14, 0, 0), said(1, 1, 0)]).toEqual(['2 of 14 open', '2 of 14 open, 1 silent', '1 of 14 silent', '', '']);
  });

  it('tells what it has no word for as it came', () => {
    expect(ruleText('of_tomorrow')).toBe('of_tomorrow');
    expect(ruleText({ rule: 1 })).toBe('');
    expect(eventText(event('of_tomorrow' as never, null, null))).toBe('of_tomorrow');
  });
});

describe('an outage', () => {
  const trip = { rule: 'recovery_failure', failures: 1, successes: 0, last_error: 'HTTP 503', event_id: 9 };
  const outage = { ...trip, began_at: '2026-11-23T08:00:00Z', rule: 'failure_threshold', failures: 5, successes: 12, last_error: 'connection refused', openings: 5 };
  const entry = (breaker: Partial<CircuitBreaker>) => ({ circuit_breaker: { state: 'open', opened_at: '2026-11-23T08:11:30Z', trip, ...breaker } }) as unknown as Entry;

  it('began with its first opening and for its first reason, however many recoveries failed since', () => {
    for (const state of ['open', 'half_open'] as const) {
      expect(downSince(entry({ outage, state }))).toBe('2026-11-23T08:00:00Z');
      expect(downBecause(entry({ outage, state }))).toMatchObject({ rule: 'failure_threshold', last_error: 'connection refused' });
      expect(failedRecoveries(entry({ outage, state }))).toBe(4);
    }
  });

  it('is its latest opening where more was not stored, and nothing while closed', () => {
    expect(downSince(entry({}))).toBe('2026-11-23T08:11:30Z');
    expect(downBecause(entry({ outage: null }))?.last_error).toBe('HTTP 503');
    expect(failedRecoveries(entry({}))).toBe(0);
    expect(downSince(entry({ state: 'closed', outage }))).toBeNull();
    expect(downBecause(entry({ state: 'closed' }))).toBeNull();
  });
});
