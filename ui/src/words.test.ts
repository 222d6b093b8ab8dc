import { describe, expect, it } from 'vitest';

import type { ServiceEvent } from './wire';
import { circuitWords, eventText, ruleText, statusWords, worstFirst } from './words';

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

  it('tells what it has no word for as it came', () => {
    expect(ruleText('of_tomorrow')).toBe('of_tomorrow');
    expect(ruleText({ rule: 1 })).toBe('');
    expect(eventText(event('of_tomorrow' as never, null, null))).toBe('of_tomorrow');
  });
});
