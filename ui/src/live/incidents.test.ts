import { describe, expect, it } from 'vitest';

import type { Alert } from '../wire';
import { dependText, incidentsOf, rootStands } from './incidents';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 23, 12, minute)).toISOString();

const alertOf = (id: string, incident: string, more: Partial<Alert> = {}): Alert => ({
  id, incident, kind: 'circuit_state_change', service: `s${id}`, status: 'firing', severity: 'critical', summary: '', starts_at: at(Number(id)), ends_at: null,
  updated_at: at(Number(id)), root: 'root', affects: [], evidence: null, silenced_by: [], acknowledged_by: null, acknowledged_at: null, url: '', ...more,
});

describe('incidents', () => {
  it('have what nobody has seen first, of that the gravest, of those the oldest', () => {
    const list = incidentsOf([
      alertOf('1', 'seen', { acknowledged_by: 'ana', acknowledged_at: at(9) }),
      alertOf('2', 'quiet', { silenced_by: ['x'] }),
      alertOf('3', 'minor', { severity: 'warning' }),
      alertOf('5', 'new'),
      alertOf('4', 'old'),
    ]);
    expect(list.map((one) => one.id)).toEqual(['old', 'new', 'minor', 'seen', 'quiet']);
    expect(list.map((one) => one.loud)).toEqual([true, true, true, false, false]);
  });

  it('have the root first, and go by the latest of what is told of it', () => {
    const [one] = incidentsOf([
      alertOf('1', 'a', { service: 'web', root: 'web', severity: 'warning' }),
      alertOf('3', 'a', { service: 'db', root: 'db', affects: ['api', 'web'] }),
      alertOf('2', 'a', { service: 'api', root: 'web', severity: 'info' }),
    ]);
    expect(one).toMatchObject({ root: 'db', severity: 'critical', affects: ['api', 'web'], since: Date.parse(at(1)) });
    expect(one!.alerts.map((alert) => alert.service)).toEqual(['db', 'web', 'api']);
  });

  it('know who has seen of it last and what is new since, and are loud when some of it is neither seen nor silenced', () => {
    const seen = { acknowledged_by: 'ana', acknowledged_at: at(7) };
    const later = { acknowledged_by: 'ben', acknowledged_at: at(8) };
    expect(incidentsOf([alertOf('1', 'a', seen), alertOf('2', 'a', later)])[0]).toMatchObject({ loud: false, seen: { by: 'ben', at: at(8) }, unseen: 0 });
    expect(incidentsOf([alertOf('1', 'a', seen), alertOf('2', 'a'), alertOf('3', 'a')])[0]).toMatchObject({ loud: true, seen: { by: 'ana', at: at(7) }, unseen: 2 });
    expect(incidentsOf([alertOf('1', 'a')])[0]).toMatchObject({ loud: true, seen: null, unseen: 1 });
    expect(incidentsOf([alertOf('1', 'a', seen), alertOf('2', 'a', { silenced_by: ['x', 'y'] })])[0]).toMatchObject({ loud: false, unseen: 1, silences: ['x', 'y'] });
  });

  it('say whether the root fails without an alert of its own, or is well again already', () => {
    const [own] = incidentsOf([alertOf('1', 'a', { service: 'root' })]);
    const [other] = incidentsOf([alertOf('1', 'a', { service: 'web' })]);
    expect([rootStands(own!, 'healthy'), rootStands(other!, 'circuit_open'), rootStands(other!, undefined), rootStands(other!, 'healthy')]).toEqual(['alert', 'fails', 'fails', 'well']);
  });

  it('say how many depend on the root, as far as they were told', () => {
    expect([[], ['a'], ['a', 'b'], Array(100).fill('a') as string[]].map((affects) => dependText({ affects }))).toEqual(
      ['', '1 service depends on it', '2 services depend on it', '100 or more services depend on it']);
  });
});
