import { describe, expect, it, vi } from 'vitest';

vi.stubGlobal('location', new URL('http://localhost/'));
vi.stubGlobal('window', { addEventListener: () => undefined });
vi.stubGlobal('document', { addEventListener: () => undefined });

const { evidenceOf, lasted, standing, summaryText, thenURL, withEnded } = await import('./words');

import type { Alert } from '../../wire';

const alertOf = (id: string, more: Partial<Alert> = {}): Alert => ({
  id, incident: id, kind: 'circuit_state_change', service: 'db', status: 'resolved', severity: 'critical', summary: '', starts_at: '2026-11-23T12:00:00.000Z', ends_at: null,
  updated_at: '2026-11-23T12:00:00.000Z', root: null, affects: [], evidence: null, silenced_by: [], acknowledged_by: null, acknowledged_at: null, url: '', ...more,
});

describe('the words of an alert', () => {
  it('say what the rule of each kind saw', () => {
    const of = (kind: string, evidence: Record<string, unknown> | null) => {
      const { words, error } = evidenceOf({ kind: kind as Alert['kind'], evidence });
      return [...words, ...(error === '' ? [] : [`! ${error}`])];
    };
    expect(of('circuit_state_change', { rule: 'failure_threshold', failures: 5, successes: 7, slow: 0, openings: 3, last_error: 'refused' })).toEqual(
      ['too many failures', '5 of 12 failed', '2 failed recoveries', '! refused']);
    expect(of('circuit_state_change', { rule: 'slow_calls', failures: 0, slow: 8, openings: 1, last_error: null })).toEqual(['slow calls', '8 slow calls']);
    expect(of('consecutive_failures', { consecutive_failures: 4, threshold: 3, of: 'health_checks' })).toEqual(['4 health checks in a row', 'alerts at 3']);
    expect(of('recovery_failure', { failed_recoveries: 1, threshold: 1 })).toEqual(['1 failed recovery', 'alerts at 1']);
    expect(of('performance_degradation', { p95_ms: 4_812, limit_ms: 2_000 })).toEqual(['95 % take up to 4.8 s', 'alerts at 2.0 s']);
    expect(of('service_unknown', { instances: 3, silent: 3, report_interval_ms: 5_000 })).toEqual(['3 of 3 instances silent', 'they should report each 5.0 s']);
    expect(of('flapping', { openings: ['a', 'b', 'c'], threshold: 3, within_ms: 600_000 })).toEqual(['opened 3 times within 10m 00s']);
    expect(of('something_new', { some_number: 3, list: [1], last_error: 'x' })).toEqual(['some number: 3', '! x']);
  });

  it('do not break on evidence that is none', () => {
    for (const kind of ['circuit_state_change', 'consecutive_failures', 'performance_degradation', 'service_unknown', 'flapping', 'x']) {
      for (const evidence of [null, {}, { failures: 'many', openings: 'x', threshold: {}, instances: null, last_error: 7 }]) {
        expect(evidenceOf({ kind: kind as Alert['kind'], evidence }).error).toBe('');
      }
    }
  });

  it('have the clock of the page, of the day before where it must be, and not what is told beside them', () => {
    const local = (iso: string) => new Date(iso).toTimeString().slice(0, 5);
    const now = Date.parse('2026-11-23T12:05:00Z');
    expect(summaryText({ summary: 'db is open since 11:58 UTC: 5 failures (since 09:00 UTC); 14 services depend on it', starts_at: '2026-11-23T12:00:00Z' }, now)).toBe(
      `db is open since ${local('2026-11-23T11:58:00Z')}: 5 failures (since 09:00 UTC)`);
    expect(summaryText({ summary: 'db does not recover since 23:50 UTC; 1 service depends on it', starts_at: '2026-11-23T00:10:00Z' }, now)).toMatch(
      new RegExp(`^db does not recover since .*${local('2026-11-22T23:50:00Z')}$`));
  });

  it('lead to the service as it was when it began', () => {
    expect(thenURL(alertOf('1', { service: 'a b' }))).toBe('/service/a%20b?at=2026-11-23T12%3A00%3A00.000Z');
  });

  it('say how long it lasted, and never less than nothing', () => {
    expect([lasted(alertOf('1', { ends_at: '2026-11-23T12:00:07.000Z' })), lasted(alertOf('1', { ends_at: '2026-11-23T11:00:00.000Z' })), lasted(alertOf('1'))]).toEqual([7_000, 0, 0]);
  });
});

describe('a silence', () => {
  it('begins and ends by the clock', () => {
    const silence = { starts_at: '2026-11-23T12:00:00Z', ends_at: '2026-11-23T13:00:00Z' };
    const at = (time: string) => standing(silence, Date.parse(`2026-11-23T${time}Z`));
    expect([at('11:59:59'), at('12:00:00'), at('12:59:59'), at('13:00:00')]).toEqual(['pending', 'active', 'active', 'expired']);
  });
});

describe('the list of what is over', () => {
  it('has what ended meanwhile in its place, once, and leaves what a further page has to that page', () => {
    const ids = (list: Alert[]) => list.map((alert) => alert.id);
    const fetched = [alertOf('7'), alertOf('5')];
    const ended = [alertOf('9'), alertOf('6'), alertOf('5'), alertOf('2'), alertOf('8', { service: 'other' })];
    expect(ids(withEnded(fetched, ended, true, ''))).toEqual(['9', '8', '7', '6', '5']);
    expect(ids(withEnded(fetched, ended, false, 'db'))).toEqual(['9', '7', '6', '5', '2']);
  });
});
