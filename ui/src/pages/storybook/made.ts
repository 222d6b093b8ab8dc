import { board } from '../../live/live';
import type { Bar } from '../../live/ring';
import type { CircuitBreaker, Config, Entry, Health, Message, Status } from '../../wire';

// Entries that nobody reported, for looking at every widget in every state.

/** What of a made-up entry is not as usual. */
export interface Wish {
  status?: Status;
  layer?: string;
  description?: string;
  dependencies?: string[];
  running?: boolean;
  breaker?: Partial<CircuitBreaker>;
  health?: Partial<Health>;
  config?: Config;
  p95?: number;
  operations?: [successful: number, failed: number, rejected: number];
  instances?: Entry['instances'];
  /** How often its program reports, in milliseconds. */
  reports?: number;
}

export const inSeconds = (s: number): string => new Date(Date.now() + 1_000 * s).toISOString();

export function made(service: string, wish: Wish = {}): Entry {
  const [successful, failed, rejected] = wish.operations ?? [1_200, 3, 0];
  const p95 = wish.p95 ?? 24;
  return {
    service,
    status: wish.status ?? 'healthy',
    running: wish.running ?? true,
    layer: wish.layer ?? 'api',
    description: wish.description ?? '',
    dependencies: wish.dependencies ?? [],
    circuit_breaker: {
      state: 'closed', mode: 'auto', details: '', is_open: false, failures: 0, consecutive_failures: 0, last_error: null, last_failure: null,
      last_success: inSeconds(-1), recovery_attempts: 0, last_recovery_attempt: null, last_reset: null, opened_at: null, next_attempt_at: null,
      closes_at: null, admitted_share: 1, awaits_health_check: false, transitions: 0, trip: null, outage: null, override: null, ...wish.breaker,
    },
    operations: { total: successful + failed, successful, failed, rejected, ignored: 0 },
    performance: {
      averageOperationTimeMs: p95 / 2, lastOperationTimeMs: p95 / 2, p50OperationTimeMs: p95 / 2, p95OperationTimeMs: p95, p99OperationTimeMs: 2 * p95,
    },
    health: { healthy: true, checked_at: inSeconds(-9), duration_ms: 3, error: null, consecutive_failures: 0, ...wish.health },
    config: { failureThreshold: 5, monitoringWindowMs: 300_000, ...wish.config },
    config_version: 1,
    instances: wish.instances ?? { total: 1, open: 0, stale: 0 },
    source: 'file',
    config_differs_from_file: false,
    health_check: null,
    report_interval_ms: wish.reports ?? 0,
  };
}

/** An open circuit. */
export const opened = (secondsAgo: number, next: number, error: string, wish: Wish = {}): Wish => ({
  status: 'circuit_open', operations: [4_000, 380, 950], p95: 812, ...wish,
  breaker: {
    state: 'open', is_open: true, failures: 5, opened_at: inSeconds(-secondsAgo), next_attempt_at: inSeconds(next), admitted_share: 0, last_error: error,
    trip: { rule: 'failure_threshold', failures: 5, successes: 12, last_error: error, event_id: 17 }, ...wish.breaker,
  },
});

/** An outage of some length, in which recoveries failed: the latest opening is not the first. */
export const outage = (secondsAgo: number, openings: number, error: string): NonNullable<CircuitBreaker['outage']> =>
  ({ began_at: inSeconds(-secondsAgo), rule: 'failure_threshold', failures: 5, successes: 12, last_error: error, event_id: 11, openings });

/** A circuit on trial. */
export const recovering = (share: number, closes: number | null, wish: Wish = {}): Wish => ({
  status: 'degraded', ...wish,
  breaker: {
    state: 'half_open', opened_at: inSeconds(-90), last_recovery_attempt: inSeconds(-30), last_failure: inSeconds(-92), recovery_attempts: 1, admitted_share: share,
    last_error: 'read tcp 10.2.0.7:44120: i/o timeout', trip: { rule: 'failure_threshold', failures: 5, successes: 40, last_error: 'read tcp 10.2.0.7:44120: i/o timeout', event_id: 19 },
    closes_at: closes === null ? null : inSeconds(closes), ...wish.breaker,
  },
});

export const forced = (mode: 'forced_open' | 'forced_closed', wish: Wish = {}): Wish => ({
  status: mode === 'forced_open' ? 'circuit_open' : 'healthy', ...wish,
  breaker: {
    mode, is_open: mode === 'forced_open', override: { mode, reason: 'the supplier moves its data centre', actor: 'ana', expires_at: inSeconds(754) }, ...wish.breaker,
  },
});

const hostileName = 'a'.repeat(60) + '.very:long-name_that.nobody_can_read_' + 'z'.repeat(30);

/** Names and texts that mean harm, or are at least no help. */
export const hostile: Entry[] = [
  made('x', opened(3, 9, '<img src=x onerror="document.title=\'owned\'"><script>alert(1)</script>', { layer: '<b>bold</b>', description: '"><svg onload=alert(1)>' })),
  made(hostileName, opened(30, 9, 'E'.repeat(4_000), { layer: 'l'.repeat(120), dependencies: ['x'] })),
  made('right_to_left', opened(300_000, 0, '\u2069\u202Egnp.exe \u200F\u05E9\u05D2\u05D9\u05D0\u05D4 \u0627\u062A\u0635\u0627\u0644 \u0000\u0007', { layer: '\u202Eatad' })),
  made('emoji_and_marks', { status: 'unhealthy', health: { healthy: false, error: '💥 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳̂\nsecond line\r\nthird line', consecutive_failures: 123_456 } }),
  made('a_forced_one', forced('forced_open', { breaker: { override: { mode: 'forced_open', reason: '\u2069\u202E&lt;i&gt; {{7*7}} ${7*7} %s %n <a href="javascript:alert(1)">'.repeat(9), actor: '<u>root</u>', expires_at: inSeconds(86_400 * 3) } } })),
  made('huge_numbers', { operations: [1e15, 9e14, 8e14], p95: 86_400_000, config: { failureThreshold: 1_000_000 }, breaker: { failures: 999_999 } }),
  made('needs_many', { status: 'degraded', dependencies: ['x', hostileName, 'right_to_left', 'nobody.knows:it'] }),
];

/** Every state that a service can be in. */
export const everyState: Entry[] = [
  made('payments_db', opened(192, 47, 'dial tcp 10.2.0.7:5432: connect: connection refused', { layer: 'data', description: 'The ledger' })),
  made('quotes', opened(41, 20, 'HTTP 503 Service Unavailable', {
    layer: 'partners', breaker: { outage: outage(742, 5, 'read: connection reset by peer'), trip: { rule: 'recovery_failure', failures: 1, successes: 0, last_error: 'HTTP 503 Service Unavailable', event_id: 31 } },
  })),
  made('payments_api', { status: 'degraded', layer: 'api', dependencies: ['payments_db'], operations: [9_000, 210, 0] }),
  made('checkout', { status: 'degraded', layer: 'edge', dependencies: ['payments_api', 'payments_db'], breaker: { failures: 3 } }),
  made('invoices', opened(120, 12, 'invoice 4711: the template has no such field', { layer: 'api', dependencies: ['payments_db'] })),
  made('mail_gateway', { status: 'unhealthy', layer: 'partners', config: { healthCheckIntervalMs: 30_000 }, health: { healthy: false, error: 'HTTP 503 Service Unavailable', consecutive_failures: 4 } }),
  made('search', recovering(0.2, 74, { layer: 'data' })),
  made('geo_lookup', recovering(0.05, null, { layer: 'partners', breaker: { outage: outage(3_820, 7, 'dial tcp: lookup geo.example.com: no such host') } })),
  made('ledger_export', recovering(0, null, { layer: 'jobs', breaker: { awaits_health_check: true } })),
  made('risk_scores', forced('forced_open', { layer: 'partners' })),
  made('statements', opened(64, 30, '', { layer: 'jobs', breaker: { last_error: null, trip: { rule: 'slow_calls', failures: 0, successes: 40, last_error: null, event_id: 23 } } })),
  made('sms', { ...forced('forced_closed', { layer: 'partners' }), status: 'circuit_open', breaker: { ...opened(90, 0, 'HTTP 402 Payment Required').breaker, ...forced('forced_closed').breaker } }),
  made('meters', { status: 'unknown', layer: 'edge', reports: 1_000 }),
  made('stamps', { status: 'degraded', layer: 'api', config: { consecutiveFailureThreshold: 6, failureThreshold: 500 }, breaker: { failures: 4, consecutive_failures: 4, last_error: 'context deadline exceeded', last_failure: inSeconds(-4) } }),
  made('push_messages', forced('forced_closed', { layer: 'partners' })),
  made('old_reports', { layer: 'jobs', breaker: { mode: 'disabled' } }),
  made('tax_rates', { status: 'unknown', layer: 'partners', operations: [0, 0, 0], p95: 0, health: { healthy: null } }),
  made('images', { status: 'degraded', layer: 'edge', breaker: { failures: 4, last_error: 'HTTP 500', last_failure: inSeconds(-12) }, operations: [52_000, 1_400, 0] }),
  made('nightly_sum', { status: 'unhealthy', layer: 'jobs', running: false, operations: [30, 0, 0] }),
  made('sessions', { status: 'degraded', layer: 'data', instances: { total: 12, open: 3, stale: 1 } }),
  made('rates', { layer: 'data', config: { failureThreshold: 100, failureRateThreshold: 0.5 }, breaker: { failures: 41 }, operations: [9e6, 4_000, 0] }),
  ...['catalogue', 'prices', 'stock', 'accounts', 'profiles', 'carts', 'coupons', 'reviews'].map((name, i) =>
    made(name, { layer: i % 2 ? 'api' : 'data', p95: 8 * 1.7 ** i })),
];

const layers = ['edge', 'api', 'data', 'jobs', 'partners', 'infra'];

/** A large fleet, mostly well. */
export function fleet(n: number): Entry[] {
  return Array.from({ length: n }, (_, i) => {
    const name = `${layers[i % layers.length]}_service_${String(i).padStart(5, '0')}`;
    const wish: Wish = { layer: layers[i % layers.length]!, p95: 5 + (i % 97), dependencies: i > 40 && i % 7 === 0 ? [`${layers[(i >> 4) % layers.length]}_service_${String(i >> 4).padStart(5, '0')}`] : [] };
    if (i % 611 === 5) return made(name, opened(i % 4_000, i % 60, 'connection refused', wish));
    if (i % 503 === 9) return made(name, recovering(0.2, i % 90, wish));
    if (i % 409 === 3) return made(name, { ...wish, status: 'unhealthy', health: { healthy: false, error: 'HTTP 500', consecutive_failures: 2 } });
    return made(name, wish);
  });
}

const stamp = () => ({ timestamp: new Date().toISOString(), epoch: 'made-up', seq: ++seq });
let seq = 0;

/** The messages by which a client gets to know these services. */
export function told(list: Entry[]): Message[] {
  const pages = Math.max(1, Math.ceil(list.length / 500));
  return [
    { type: 'connection:status', status: 'connected', role: 'admin', heartbeat_ms: 5_000, ...stamp() },
    ...Array.from({ length: pages }, (_, i): Message => ({
      type: 'services:state', page: i + 1, pages, services: list.slice(500 * i, 500 * (i + 1)), ...stamp(),
    })),
  ];
}

export const updated = (entry: Entry): Message => ({ ...entry, type: 'service:update', ...stamp() });

/** The same service a little later: it worked on, and some of it failed. */
export function later(entry: Entry, random = Math.random): Entry {
  const o = entry.operations;
  const open = entry.circuit_breaker.is_open;
  const failed = o.failed + (open ? 0 : entry.status === 'healthy' ? Number(random() < 0.03) : Math.floor(random() * 4));
  const successful = o.successful + (open || o.total === 0 ? 0 : Math.floor(random() * 30));
  const rejected = o.rejected + (open ? Math.floor(random() * 20) : 0);
  return { ...entry, operations: { ...o, successful, failed, rejected, total: successful + failed } };
}

/** Opens a service that is well, closes one that is open. */
export function flipped(entry: Entry): Entry {
  const wish: Wish = { layer: entry.layer, dependencies: entry.dependencies };
  const { successful, failed, rejected } = entry.operations;
  const operations: Wish['operations'] = [successful, failed + 1, rejected];
  return entry.status === 'circuit_open' ? made(entry.service, { ...wish, operations }) : made(entry.service, { ...opened(0, 60, 'connection refused', wish), operations });
}

/** What a made-up service did in the last five minutes: it worked, and where its circuit is open, no more since then. */
export function before(entry: Entry): Bar[] {
  const c = entry.circuit_breaker;
  const at = board.now();
  const openedAt = c.is_open ? (c.opened_at ? Date.parse(c.opened_at) : at - 150_000) : Infinity;
  const usual = entry.operations.total === 0 ? 0 : 10 + (entry.service.length * 37) % 90;
  const wild = (i: number) => Math.abs(Math.sin(i * 12.9898 + entry.service.length) * 43_758.5453) % 1;
  return Array.from({ length: 75 }, (_, i) => {
    const then = at - 4_000 * (75 - i);
    const n = Math.round(usual * (0.7 + 0.6 * wild(i)));
    if (then > openedAt) return { at: then, successful: 0, failed: 0, rejected: n };
    const failed = then > openedAt - 12_000 ? n - 3 : entry.status !== 'healthy' && entry.status !== 'unknown' && i > 50 ? Math.round(0.2 * n * wild(i + 7)) : Number(wild(i + 9) > 0.95);
    return { at: then, successful: Math.max(0, n - failed), failed: Math.max(0, failed), rejected: 0 };
  });
}
