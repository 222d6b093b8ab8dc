// The types of docs/protocol.md, as far as the page reads them.

export type Status = 'circuit_open' | 'unhealthy' | 'degraded' | 'unknown' | 'healthy';
export type CircuitState = 'closed' | 'open' | 'half_open';
export type Mode = 'auto' | 'forced_open' | 'forced_closed' | 'disabled';
export type Role = 'viewer' | 'operator' | 'admin' | 'agent';

/** A moment, as RFC 3339 has it. */
export type Moment = string;

export interface Trip {
  rule: string;
  failures: number;
  successes: number;
  last_error: string | null;
  event_id: number | null;
}

/** A time for which a circuit is not closed: its first opening, and how often it has opened since. */
export interface Outage {
  began_at: Moment;
  rule: string;
  failures: number;
  successes: number;
  last_error: string | null;
  event_id: number | null;
  openings: number;
}

export interface Override {
  mode: Mode;
  reason: string;
  actor: string;
  expires_at: Moment;
}

export interface CircuitBreaker {
  state: CircuitState;
  mode: Mode;
  details: string;
  is_open: boolean;
  failures: number;
  consecutive_failures: number;
  last_error: string | null;
  last_failure: Moment | null;
  last_success: Moment | null;
  recovery_attempts: number;
  last_recovery_attempt: Moment | null;
  last_reset: Moment | null;
  opened_at: Moment | null;
  next_attempt_at: Moment | null;
  closes_at: Moment | null;
  admitted_share: number;
  awaits_health_check: boolean;
  transitions: number;
  trip: Trip | null;
  /** Null while closed; missing in what was stored before there was one. */
  outage?: Outage | null;
  override: Override | null;
}

export interface Operations {
  total: number;
  successful: number;
  failed: number;
  rejected: number;
  ignored: number;
}

export interface Performance {
  averageOperationTimeMs: number;
  lastOperationTimeMs: number;
  p50OperationTimeMs: number;
  p95OperationTimeMs: number;
  p99OperationTimeMs: number;
}

export interface Health {
  healthy: boolean | null;
  checked_at: Moment | null;
  duration_ms: number;
  error: string | null;
  consecutive_failures: number;
}

/** A breaker's settings: camelCase, durations in milliseconds. */
export type Config = Record<string, unknown> & {
  failureThreshold?: number;
  monitoringWindowMs?: number;
};

export interface Entry {
  service: string;
  status: Status;
  running: boolean;
  layer: string;
  description: string;
  dependencies: string[];
  circuit_breaker: CircuitBreaker;
  operations: Operations;
  performance: Performance;
  health: Health;
  config: Config;
  config_version: number;
  instances: { total: number; open: number; stale: number; bad_callers?: number };
  source: 'file' | 'api' | 'code' | 'agent';
  config_differs_from_file: boolean;
  health_check: Record<string, unknown> | null;
  report_interval_ms: number;
}

/** One process's copy of a service of agents. */
export interface Instance {
  /** Random, of the process. */
  instance: string;
  name: string;
  program: string;
  library: string;
  address: string;
  /** The manager's node that it is connected to. */
  node: string;
  connected: boolean;
  /** Silent: three heartbeats were missed. */
  stale: boolean;
  started_at: Moment;
  joined_at: Moment;
  seen_at: Moment;
  /** 0: what its own code says. */
  config_version: number;
  /** Why it refused a newer one. */
  config_error: string | null;
  is_open: boolean;
  /** Open alone: the fleet rule has found no quorum. */
  bad_caller?: boolean;
  circuit_breaker: CircuitBreaker;
  operations: Operations;
  performance: Performance;
  health: Health;
}

export type EventKind =
  | 'transition' | 'instance_transition' | 'override' | 'override_expired' | 'reset' | 'config_changed' | 'config_warning'
  | 'health_failed' | 'health_recovered' | 'registered' | 'declared' | 'removed';

export interface ServiceEvent {
  id: number | null;
  seq: number;
  service: string;
  kind: EventKind;
  from: string | null;
  to: string | null;
  at: Moment;
  actor: string | null;
  reason: string | null;
  evidence: Record<string, unknown> | null;
  durable: boolean;
}

export interface FieldMessage {
  field: string;
  message: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  request_id: string;
  errors?: FieldMessage[];
}

export interface ConfigInForce {
  service: string;
  config: Config;
  version: number;
  updated_at: Moment;
  updated_by: string;
  reason: string;
  warnings: FieldMessage[];
}

export interface ConfigVersion {
  version: number;
  config: Config;
  at: Moment;
  actor: string;
  reason: string;
}

export interface HealthCheckResult {
  service: string;
  healthy: boolean;
  status: Status;
  duration_ms: number;
  error: string | null;
}

export interface ResetResult {
  service: string;
  success: boolean;
  status: Status;
  details: string;
}

/** What happened in [at, at + step). */
export interface Point {
  at: Moment;
  successful: number;
  failed: number;
  ignored: number;
  rejected: number;
  average_ms: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  state: CircuitState;
  mode: Mode;
  admitted_share: number;
  failures: number;
}

export interface Gap {
  from: Moment;
  to: Moment;
}

export interface Series {
  service: string;
  step: string;
  from: Moment;
  to: Moment;
  points: Point[];
  gaps: Gap[];
}

export interface SeriesOfMany {
  step: string;
  from: Moment;
  to: Moment;
  series: { service: string; points: Point[] }[];
  gaps: Gap[];
}

export interface AuditEntry {
  id: number;
  at: Moment;
  actor: string;
  address: string;
  action: string;
  service: string;
  reason: string;
  result: string;
}

export interface Token {
  id: string;
  name: string;
  role: Role;
  services: string[] | null;
  created_at: Moment;
  created_by: string;
  expires_at: Moment | null;
}

export interface NewToken extends Token {
  token: string;
}

export interface Session {
  name: string;
  role: Role;
  services: string[] | null;
  expires_at: Moment | null;
}

export interface ServerInfo {
  version: string;
  commit: string;
  go: string;
  started_at: Moment;
  epoch: string;
  services: number;
  ready: boolean;
  store: { answers: boolean; error: string | null; waiting: number; dropped_events: number; failed_writes: number };
  stream: { clients: number; slow: number; messages: number; updates: number; bytes: number; refused: number };
  series: { points: number; chunks: number; bytes: number; dropped: number };
  memory_bytes: number;
  goroutines: number;
  /** Missing where there is one manager alone. */
  cluster?: Cluster | null;
}

/** What a node is among several managers of one store. */
export interface Cluster {
  node: string;
  role: 'leads' | 'follows' | 'alone';
  /** Where the node that leads is reached; null: none leads, or it is this one. */
  leader: string | null;
  /** Since when it has its role. */
  since: Moment | null;
  /** Up to when a node that follows knows everything. */
  as_of: Moment | null;
  nodes_note?: string | null;
  /** Why the node cannot do all of its work; null: it can. */
  problem?: string | null;
  /** By what the nodes tell each other to look into the store. */
  bus?: { kind: 'postgresql' | 'nats'; connected: boolean; since: Moment; error: string | null };
}

export type AlertKind =
  | 'circuit_state_change' | 'consecutive_failures' | 'recovery_failure' | 'performance_degradation' | 'service_unknown' | 'flapping';
export type Severity = 'critical' | 'warning' | 'info';

/** One thing that is wrong with one service, from its beginning to its end. */
export interface Alert {
  id: string;
  /** The ID of the first alert of the incident. */
  incident: string;
  kind: AlertKind;
  service: string;
  status: 'firing' | 'resolved';
  severity: Severity;
  summary: string;
  starts_at: Moment;
  ends_at: Moment | null;
  updated_at: Moment;
  /** The service that the incident comes from. */
  root: string | null;
  /** Those that depend on the root, directly or not; the first hundred. */
  affects: string[];
  evidence: Record<string, unknown> | null;
  silenced_by: string[];
  acknowledged_by: string | null;
  acknowledged_at: Moment | null;
  url: string;
}

export interface Matcher {
  field: string;
  op: string;
  value: string;
}

export interface Silence {
  id: string;
  matchers: Matcher[];
  reason: string;
  author: string;
  starts_at: Moment;
  ends_at: Moment;
  created_at: Moment;
  status: 'pending' | 'active' | 'expired';
}

/** Where alerts are sent, and how that has gone since the manager started. */
export interface Receiver {
  name: string;
  kind: string;
  waiting: number;
  delivered: number;
  failed: number;
  given_up: number;
  dropped: number;
  last_success_at: Moment | null;
  /** Null after a success. */
  last_error: string | null;
  last_error_at: Moment | null;
}

// The stream.

export type Message =
  | { type: 'connection:status'; timestamp: Moment; status: string; role: Role; epoch: string; seq: number; heartbeat_ms: number; reconnect_ms?: number }
  | { type: 'services:state'; timestamp: Moment; epoch: string; seq: number; page: number; pages: number; services: Entry[] }
  | ({ type: 'service:update'; timestamp: Moment; epoch: string; seq: number } & Entry)
  | { type: 'service:event'; timestamp: Moment; epoch: string; seq: number; event: ServiceEvent }
  | { type: 'alert:firing' | 'alert:resolved'; timestamp: Moment; epoch: string; seq: number; alert: Alert }
  | { type: 'services:heartbeat'; timestamp: Moment; epoch: string; seq: number }
  | { type: 'pong'; timestamp: Moment }
  | { type: 'error'; timestamp: Moment; code: number; message: string };
