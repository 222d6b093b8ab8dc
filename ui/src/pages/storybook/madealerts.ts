import type { Alert, Receiver, Silence } from '../../wire';
import { inSeconds } from './made';

// Alerts that nothing gave rise to.

let last = 0;

function made(incident: string, service: string, more: Partial<Alert> & { ago: number }): Alert {
  const { ago, ...rest } = more;
  return {
    id: `${incident}-${String(++last).padStart(6, '0')}`, incident, kind: 'circuit_state_change', service, status: 'firing', severity: 'critical', summary: `${service} is open`,
    starts_at: inSeconds(-ago), ends_at: null, updated_at: inSeconds(-ago), root: service, affects: [], evidence: null, silenced_by: [], acknowledged_by: null, acknowledged_at: null,
    url: '', ...rest,
  };
}

const clock = (ago: number) => `${inSeconds(-ago).slice(11, 16)} UTC`;

/** Incidents in every state. */
export function madeAlerts(): Alert[] {
  const affects = ['payments_api', 'orders', 'invoices', 'checkout', 'web', 'mobile_api', 'partner_api', 'refunds', 'receipts', 'mail_gateway', 'reports', 'exports', 'ledger', 'billing'];
  const db = { root: 'payments_db', affects };
  return [
    made('a', 'payments_db', {
      ...db, ago: 734, summary: `payments_db is open since ${clock(734)}: 5 failures in 60 s (dial tcp 10.2.0.14:5432: connect: connection refused); 14 services depend on it`,
      evidence: { rule: 'failure_threshold', failures: 5, successes: 7, last_error: 'dial tcp 10.2.0.14:5432: connect: connection refused', openings: 3 },
    }),
    made('a', 'payments_api', { ...db, ago: 731, kind: 'consecutive_failures', severity: 'warning', evidence: { consecutive_failures: 9, threshold: 3, of: 'operations', last_error: 'payments_db: circuit open' } }),
    made('a', 'orders', { ...db, ago: 700, kind: 'performance_degradation', severity: 'warning', evidence: { p95_ms: 4_812, limit_ms: 2_000, for_ms: 60_000 } }),
    made('b', 'geo_lookup', {
      ago: 95, kind: 'service_unknown', severity: 'warning', summary: `nothing is heard of geo_lookup since ${clock(95)}`, evidence: { instances: 3, silent: 3, report_interval_ms: 5_000 },
    }),
    made('c', 'quotes', {
      ago: 5_400, kind: 'flapping', severity: 'warning', summary: 'quotes flaps: its circuit opened 4 times within 10 min; 1 service depends on it', affects: ['web'],
      evidence: { openings: [1, 2, 3, 4], threshold: 3, within_ms: 600_000 }, acknowledged_by: 'paula', acknowledged_at: inSeconds(-4_000),
    }),
    made('e', 'sessions', { ago: 900, root: 'sessions', summary: `sessions is open since ${clock(900)}: 5 failures in 60 s`, evidence: { rule: 'failure_threshold', failures: 5 }, acknowledged_by: 'paula', acknowledged_at: inSeconds(-600) }),
    made('e', 'logins', { ago: 30, root: 'sessions', summary: `logins is open since ${clock(30)}: 5 failures in 60 s`, evidence: { rule: 'failure_threshold', failures: 5, successes: 40 } }),
    made('d', 'invoices', {
      ago: 8_000, kind: 'recovery_failure', summary: `invoices does not recover since ${clock(8_000)}: 6 attempts failed (HTTP 500)`, evidence: { failed_recoveries: 6, threshold: 3, last_error: 'HTTP 500' },
      silenced_by: ['s1'],
    }),
  ];
}

/** An incident of every tenth service. */
export const manyAlerts = (n: number): Alert[] => Array.from({ length: n }, (_, i) => {
  const root = `service_${String(i - (i % 10)).padStart(4, '0')}`;
  return made(`m${Math.floor(i / 10)}`, `service_${String(i).padStart(4, '0')}`, { ago: 60 + i, root, severity: i % 3 === 0 ? 'critical' : 'warning', affects: i % 20 < 10 ? ['web'] : [] });
});

const evil = '</b><img src=x onerror="window.pwned=1">\u202Egnp.exe\u2066';

export const hostileAlerts = (): Alert[] => [
  made('x', 'n'.repeat(128), {
    ago: 3_700, summary: `${evil} is open ${'long '.repeat(60)}`, severity: 'info', affects: Array.from({ length: 100 }, (_, i) => `${'d'.repeat(90)}_${i}`),
    evidence: { rule: evil, failures: 1e12, successes: 1, last_error: `${evil} ${'x'.repeat(4_000)}` }, silenced_by: ['s3'],
  }),
  made('y', 'y', { ago: -5, root: evil, kind: 'of_a_newer_kind' as Alert['kind'], severity: 'dreadful' as Alert['severity'], summary: '', evidence: { a: evil, b: 3, c: [1], d: null } }),
  made('z', 'z', { ago: 10, root: evil, acknowledged_by: evil, acknowledged_at: inSeconds(-3), summary: evil, evidence: { failures: 'many', last_error: 7 } }),
];

export const madeResolved = (): Alert[] => madeAlerts().map((alert, i) => ({
  ...alert, status: 'resolved', starts_at: inSeconds(-86_400 * (1 + i)), ends_at: inSeconds(-86_400 * (1 + i) + 40 * (i + 1) ** 3), summary: `${alert.service} is closed again`, silenced_by: [],
}));

const silence = (id: string, from: number, to: number, more: Partial<Silence>): Silence => ({
  id, matchers: [{ field: 'root', op: '=', value: 'invoices' }], reason: 'the new version is being rolled out', author: 'ana', starts_at: inSeconds(from), ends_at: inSeconds(to),
  created_at: inSeconds(-9_000), status: 'active', ...more,
});

export const madeSilences = (): Silence[] => [
  silence('s1', -900, 2_700, {}),
  silence('s2', 36_000, 43_200, { matchers: [{ field: 'layer', op: '=', value: 'data' }, { field: 'severity', op: '!=', value: 'critical' }], reason: 'maintenance of the disks', author: 'deploys' }),
  silence('s3', -90_000, -80_000, { matchers: [{ field: 'service', op: '=~', value: `(${evil}|.*)+` }], reason: evil, author: evil }),
];

const receiver = (name: string, kind: string, more: Partial<Receiver>): Receiver =>
  ({ name, kind, waiting: 0, delivered: 0, failed: 0, given_up: 0, dropped: 0, last_success_at: null, last_error: null, last_error_at: null, ...more });

export const madeReceivers = (): Receiver[] => [
  receiver('alertmanager', 'alertmanager', { delivered: 4_211, last_success_at: inSeconds(-12) }),
  receiver('chat', 'notify', {}),
  receiver('ops', 'webhook', {
    waiting: 3, delivered: 57, failed: 12, given_up: 1, dropped: 2, last_success_at: inSeconds(-9_000), last_error: '500 Internal Server Error: the queue of the pager is full', last_error_at: inSeconds(-4),
  }),
  receiver('pager', 'webhook', { delivered: 9, failed: 2, last_success_at: inSeconds(-60), last_error_at: inSeconds(-120) }),
];
