import { describe, expect, it } from 'vitest';

import type { Alert, Matcher } from '../../wire';
import { covered, fromField, request, timesOf, toField, wrongs, type Form } from './form';

const now = new Date(2026, 10, 23, 14, 0, 30).getTime();
const hour = 3_600_000;
const formOf = (more: Partial<Form> = {}): Form => ({ matchers: [{ field: 'service', op: '=', value: 'db' }], reason: 'new disks', starts: '', lasts: String(hour), span: '', until: '', ...more });

describe('the form of a silence', () => {
  it('holds from now, or from when it is said, for so long or until then', () => {
    expect(timesOf(formOf(), now)).toEqual({ from: now, to: now + hour });
    expect(timesOf(formOf({ lasts: 'span', span: '1h 30m' }), now)).toEqual({ from: now, to: now + 1.5 * hour });
    const starts = '2026-11-24T02:00';
    expect(timesOf(formOf({ starts }), now)).toEqual({ from: fromField(starts), to: fromField(starts) + hour });
    expect(timesOf(formOf({ starts, lasts: 'until', until: '2026-11-24T04:00' }), now).to).toBe(new Date(2026, 10, 24, 4).getTime());
    expect(toField(fromField(starts))).toBe(starts);
  });

  it('says what is missing, and names the field', () => {
    const of = (more: Partial<Form>) => wrongs(formOf(more), now).map((one) => one.field);
    expect(of({})).toEqual([]);
    expect(of({ matchers: [], reason: ' ', lasts: '' })).toEqual(['matchers', 'ends_at', 'reason']);
    expect(of({ matchers: [{ field: 'service', op: '=', value: 'db' }, { field: 'kind', op: '=~', value: ' ' }, { field: 'root', op: '!=', value: '' }] })).toEqual(['matchers[1].value']);
    expect(of({ lasts: 'span', span: 'long' })).toEqual(['ends_at']);
    expect(of({ starts: 'x' })).toEqual(['starts_at', 'ends_at']);
    expect(of({ lasts: 'until', until: '2026-11-23T13:59' })).toEqual(['ends_at']);
    expect(of({ starts: '2026-11-24T02:00', lasts: 'until', until: '2026-11-24T01:00' })).toEqual(['ends_at']);
  });

  it('is sent without a start where that is now', () => {
    expect(request(formOf({ reason: ' new disks ' }), now)).toEqual({
      matchers: [{ field: 'service', op: '=', value: 'db' }], reason: 'new disks', ends_at: new Date(now + hour).toISOString(),
    });
    expect(request(formOf({ starts: '2026-11-24T02:00' }), now).starts_at).toBe(new Date(2026, 10, 24, 2).toISOString());
  });
});

describe('what a silence covers', () => {
  const firing = [
    { id: '1', service: 'wallet_db', kind: 'circuit_state_change', severity: 'critical', root: 'wallet_db', incident: '1' },
    { id: '2', service: 'wallet', kind: 'flapping', severity: 'warning', root: 'wallet_db', incident: '1' },
    { id: '3', service: 'Mail', kind: 'flapping', severity: 'warning', root: null, incident: '3' },
  ] as Alert[];
  const ids = (...matchers: [field: string, op: string, value: string][]) =>
    covered(matchers.map(([field, op, value]): Matcher => ({ field, op, value })), firing, (service) => (service === 'Mail' ? 'edge' : 'data'))?.map((alert) => alert.id).join('') ?? null;

  it('is what all conditions say', () => {
    expect(ids(['service', '=', 'wallet'])).toBe('2');
    expect(ids(['root', '=', ' wallet_db '], ['kind', '!=', 'flapping'])).toBe('1');
    expect(ids(['layer', '=', 'edge'])).toBe('3');
    expect(ids(['incident', '=', '1'], ['severity', '=', 'info'])).toBe('');
    expect(ids()).toBe('');
  });

  it('takes an expression for the whole of a value', () => {
    expect([ids(['service', '=~', 'wallet']), ids(['service', '=~', 'wallet.*']), ids(['service', '!~', 'wallet|x'])]).toEqual(['2', '12', '13']);
    expect([ids(['service', '=~', '(?i)mail']), ids(['service', '=~', 'wallet\\_db'])]).toEqual(['3', '1']);
  });

  it('is not told where the expression is none that the page knows', () => {
    expect([ids(['service', '=~', '(']), ids(['service', '=~', '[[:nosuch'])]).toEqual([null, null]);
  });
});
