import type { CircuitBreaker, Cluster, Instance, ServerInfo, ServiceEvent } from '../../wire';
import { forced, inSeconds, made, opened, outage, recovering, type Wish } from './made';

// Instances and nodes that nobody joined.

const hosts = ['worker', 'web', 'batch', 'edge'];

/** What of a made-up instance is not as usual. */
type Other = Partial<Pick<Instance, 'name' | 'instance' | 'program' | 'connected' | 'stale' | 'seen_at' | 'config_version' | 'config_error' | 'node'>> & { wish?: Wish };

export function instance(i: number, { wish = {}, ...other }: Other = {}): Instance {
  const { circuit_breaker, operations, performance, health } = made('x', wish);
  const breaker: CircuitBreaker = { ...circuit_breaker, last_reset: circuit_breaker.last_reset ?? (i % 3 === 0 ? inSeconds(-4_000 - 60 * i) : null) };
  return {
    instance: `${(i * 2_654_435_761 % 4_294_967_296).toString(16).padStart(8, '0')}c0ffee-${i}`, name: `${hosts[i % hosts.length]}-${String(i).padStart(3, '0')}.example.com`,
    program: `checkout/2.${i % 4}.1`, library: 'switchgear-go/1.0.0', address: `10.2.${i >> 8}.${i % 256}:44120`, node: i % 2 ? 'node-b' : 'node-a',
    connected: true, stale: false, started_at: inSeconds(-90_000), joined_at: inSeconds(-8_000 - i), seen_at: inSeconds(-(i % 5)),
    config_version: 5, config_error: null, is_open: breaker.is_open, circuit_breaker: breaker, operations, performance, health, ...other,
  };
}

const reset = 'read tcp 10.2.0.7:5432: connection reset by peer';

/** One of every kind. */
export const everyInstance = (): Instance[] => [
  ...Array.from({ length: 7 }, (_, i) => instance(i, { wish: { operations: [1_000 * i, i % 3, 0] } })),
  instance(7, { wish: opened(192, 47, 'dial tcp 10.2.0.7:5432: connect: connection refused', { breaker: { outage: outage(742, 5, reset) } }) }),
  instance(8, { wish: opened(20, 9, reset) }),
  instance(9, { wish: recovering(0.2, 74) }),
  instance(10, { connected: false, stale: true, seen_at: inSeconds(-94) }),
  instance(11, { connected: false, seen_at: inSeconds(-6) }),
  instance(12, { config_version: 4, config_error: 'failureThreshold: 900 is more than this program allows: at most 500' }),
  instance(13, { config_version: 0 }),
  instance(14, { wish: forced('forced_open') }),
  instance(15, { connected: false, seen_at: inSeconds(-4_000) }),
];

export const hostileInstances = (): Instance[] => [
  instance(1, { name: '<img src=x onerror="document.title=\'owned\'">', program: '"><svg onload=alert(1)>', config_version: 4, config_error: 'E'.repeat(4_000) }),
  instance(2, { name: 'a'.repeat(128), program: 'p'.repeat(128), node: 'n'.repeat(128) }),
  instance(3, { name: '\u2069\u202Egnp.exe', program: '\u202Eatad', node: '\u202Edon' }),
  instance(4, { name: '', program: '', node: '', instance: 'z'.repeat(64), wish: { operations: [1e15, 9e14, 8e14], p95: 86_400_000, breaker: { failures: 999_999 } } }),
  instance(5, { wish: forced('forced_open', { breaker: { override: { mode: 'forced_open', reason: '\u2069\u202E&lt;i&gt;'.repeat(30), actor: '<u>root</u>', expires_at: inSeconds(900) } } }) }),
];

/** Many, of which a few are not well. */
export const manyInstances = (n: number): Instance[] => Array.from({ length: n }, (_, i) =>
  i % 97 === 3 ? instance(i, { wish: opened(i, 30, 'connection refused') }) : i % 131 === 5 ? instance(i, { connected: false, stale: true, seen_at: inSeconds(-60) }) : instance(i));

/** Services of agents, as the board has them. */
export const ofAgents = [
  { ...made('checkout', { status: 'degraded', instances: { total: 14, open: 1, stale: 0 }, breaker: { last_error: reset, last_failure: inSeconds(-12) } }) },
  { ...made('orders', { status: 'degraded', instances: { total: 14, open: 2, stale: 1 }, breaker: { last_error: reset, last_failure: inSeconds(-12) } }) },
  { ...made('ledger', opened(192, 47, reset, { instances: { total: 14, open: 14, stale: 0 } })) },
  { ...made('stock', recovering(0.2, 74, { instances: { total: 3, open: 1, stale: 1 } })) },
  { ...made('prices', { instances: { total: 14, open: 0, stale: 1 } }) },
  { ...made('coupons', { instances: { total: 14, open: 0, stale: 0 } }) },
  { ...made('carts', { status: 'degraded', instances: { total: 4, open: 0, stale: 0 } }) },
  { ...made('silent', { status: 'unknown', instances: { total: 3, open: 0, stale: 3 } }) },
  { ...made('nobody', { status: 'unknown', instances: { total: 0, open: 0, stale: 0 } }) },
].map((entry) => ({ ...entry, source: 'agent' as const, config_version: 5 }));

const event = (seconds: number, part: Partial<ServiceEvent>): ServiceEvent =>
  ({ id: 1_000 - seconds, seq: 1_000 - seconds, service: 'checkout', kind: 'transition', from: 'closed', to: 'open', at: inSeconds(-seconds), actor: null, reason: null, evidence: null, durable: true, ...part });

/** What some instances did, and then the service. */
export const madeEvents = (): ServiceEvent[] => [
  event(20, { from: 'open', to: 'closed', reason: '1 of 2 instances are closed', evidence: { rule: 'all_instances', scope: 'service', transition: 2, instances: { total: 2, open: 1 } } }),
  event(21, { kind: 'instance_transition', from: 'half_open', to: 'closed', evidence: { rule: 'min_healthy_period', scope: 'instance', instance: 'c0ffee00a1b2c3d4', instance_name: 'web-001', transition: 3 } }),
  event(60, { reason: 'all of 2 instances are open', evidence: { rule: 'all_instances', scope: 'service', transition: 1, failures: 11, successes: 2, last_error: reset, instances: { total: 2, open: 2 } } }),
  event(60, { kind: 'instance_transition', evidence: { rule: 'failure_threshold', failures: 5, successes: 2, scope: 'instance', instance: 'c0ffee00a1b2c3d4', instance_name: 'web-001', transition: 1, last_error: reset } }),
  event(75, { kind: 'instance_transition', evidence: { rule: 'failure_threshold', failures: 6, successes: 0, scope: 'instance', instance: 'badcafe0a1b2c3d4', instance_name: '<b>\u202Eweb</b>', transition: 1, last_error: reset } }),
];

/** How a node is, among others. */
export const madeServer = (cluster: Cluster | null, answers = true): ServerInfo => ({
  version: '1.0.0', commit: 'c0ffee00', go: 'go1.26', started_at: inSeconds(-90_000), epoch: 'made-up', services: 29, ready: answers,
  store: { answers, error: answers ? null : 'dial tcp 10.2.0.7:5432: connect: connection refused', waiting: 0, dropped_events: 0, failed_writes: 0 },
  stream: { clients: 3, slow: 0, messages: 90_000, updates: 80_000, bytes: 12_000_000, refused: 0 }, series: { points: 9_000, chunks: 40, bytes: 90_000, dropped: 0 },
  memory_bytes: 90_000_000, goroutines: 80, ...(cluster ? { cluster } : {}),
});

const node: Cluster = { node: 'node-b', role: 'follows', leader: 'http://10.2.0.5:8080', since: inSeconds(-4_000), as_of: inSeconds(-1) };

export const madeClusters: { name: string; info: ServerInfo }[] = [
  { name: 'alone', info: madeServer(null) },
  { name: 'leads', info: madeServer({ ...node, role: 'leads', leader: null, nodes_note: 'Two nodes follow.' }) },
  { name: 'follows', info: madeServer(node) },
  { name: 'follows, and none leads', info: madeServer({ ...node, leader: null, nodes_note: null }) },
  { name: 'follows, without its store', info: madeServer({ ...node, as_of: inSeconds(-192) }, false) },
];
