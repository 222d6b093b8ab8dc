import { expect, it } from 'vitest';

import type { ServiceEvent } from '../../wire';
import { errorOf, evidenceWords, passes, withLive, type Filter } from './live';

const event = (id: number, minute: number, service = 'a', kind = 'transition') => ({
  id, seq: id, service, kind, from: 'closed', to: 'open', at: `2026-11-23T12:${String(minute).padStart(2, '0')}:00.000Z`, actor: null, reason: null, evidence: null, durable: true,
}) as ServiceEvent;

const all: Filter = { service: '', kinds: [], since: '', until: '' };

it('takes what the manager would', () => {
  const it = event(1, 10);
  expect(passes(it, all)).toBe(true);
  expect([passes(it, { ...all, service: 'a' }), passes(it, { ...all, service: 'b' })]).toEqual([true, false]);
  expect([passes(it, { ...all, kinds: ['transition', 'reset'] }), passes(it, { ...all, kinds: ['reset'] })]).toEqual([true, false]);
  expect([passes(it, { ...all, since: it.at }), passes(it, { ...all, until: it.at })]).toEqual([true, false]);
});

it('puts live events on top, each once, and leaves no hole below what was fetched', () => {
  const fetched = [event(5, 30), event(4, 20)];
  const live = [event(6, 40), event(5, 30), event(2, 10), event(7, 41, 'b')];
  const ids = (more: boolean, filter = all) => withLive(fetched, live, more, filter).map((e) => e.id);
  expect(ids(true)).toEqual([7, 6, 5, 4]);
  expect(ids(false)).toEqual([7, 6, 5, 4, 2]);
  expect(ids(true, { ...all, service: 'a' })).toEqual([6, 5, 4]);
});

it('says of an opening why, and nothing of what was over', () => {
  const at = '2026-11-23T12:30:00.000Z';
  const evidence = { failures: 1, successes: 4, slow: 0, consecutive_failures: 2, recovery_attempt: 3, config_version: 7, last_error: 'refused' };
  expect(evidenceWords({ kind: 'transition', to: 'open', at, evidence })).toEqual(['1 failure', '4 successes', '2 in a row', 'recovery attempt 3']);
  expect(evidenceWords({ kind: 'transition', to: 'closed', at, evidence })).toEqual(['recovery attempt 3']);
  expect(evidenceWords({ kind: 'config_changed', to: null, at, evidence })).toEqual(['version 7']);
  expect(evidenceWords({ kind: 'reset', to: null, at, evidence: null })).toEqual([]);
  expect([errorOf({ kind: 'transition', to: 'open', evidence }), errorOf({ kind: 'transition', to: 'closed', evidence })]).toEqual(['refused', '']);
});

it('says how long a circuit was down, and why it opened at first', () => {
  const outage = { began_at: '2026-11-23T12:00:00.000Z', rule: 'failure_rate', failures: 9, successes: 1, last_error: null, openings: 4 };
  const of = (to: string, at: string) => evidenceWords({ kind: 'transition', to, at: `2026-11-23T12:${at}.000Z`, evidence: { outage } });
  expect(of('closed', '30:05')).toEqual(['was down for 30m 05s']);
  expect(of('open', '10:00')).toEqual(['down for 10m 00s: failure rate']);
  expect([of('open', '00:00'), of('half_open', '10:00')]).toEqual([[], []]);
});
