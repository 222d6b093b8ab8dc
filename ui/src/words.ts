import { isolated } from './parts/outside';
import type { AlertKind, CircuitBreaker, CircuitState, Entry, EventKind, Mode, Moment, ServiceEvent, Status, Trip } from './wire';

/** The order of the statuses, the worst first. */
export const worstFirst: Status[] = ['circuit_open', 'unhealthy', 'degraded', 'unknown', 'healthy'];

/** What a status is called. */
export const statusWords: Record<Status, string> = {
  circuit_open: 'circuit open',
  unhealthy: 'unhealthy',
  degraded: 'degraded',
  unknown: 'unknown',
  healthy: 'healthy',
};

export const stateWords: Record<CircuitState, string> = { closed: 'closed', open: 'open', half_open: 'half-open' };

export const modeWords: Record<Mode, string> = {
  auto: 'auto', forced_open: 'forced open', forced_closed: 'forced closed', disabled: 'disabled',
};

/** The rules of an opening or a move, for people. */
export const ruleWords: Record<string, string> = {
  failure_threshold: 'too many failures',
  failure_rate: 'failure rate',
  consecutive_failures: 'failures in a row',
  slow_calls: 'slow calls',
  recovery_failure: 'an operation of the recovery failed',
  probe_timeout: 'an operation of the recovery did not end in time',
  health_check: 'the health check failed in the recovery',
  reset_timeout: 'the open time was over',
  min_healthy_period: 'healthy long enough',
  reset: 'reset',
  override_ended: 'the override ended',
  enabled: 'enabled again',
  children_open: 'too many of its keys are open',
  all_instances: 'by its instances',
  fleet_quorum: 'too many instances are open',
};

export const ruleText = (rule: unknown): string => (typeof rule === 'string' ? (ruleWords[rule] ?? rule) : '');

export const kindWords: Record<EventKind, string> = {
  transition: 'transition', instance_transition: 'transition of an instance', override: 'override', override_expired: 'override expired', reset: 'reset',
  config_changed: 'config changed', config_warning: 'config warning', health_failed: 'health check failed',
  health_recovered: 'health check passed again', registered: 'registered', declared: 'described anew', removed: 'removed',
};

/** All kinds but what single instances of a service do: that of the service itself. */
export const serviceKinds = (Object.keys(kindWords) as EventKind[]).filter((kind) => kind !== 'instance_transition');

/** The name of the instance that an event tells of, else the beginning of its ID; empty where it tells of none. */
export function instanceOf({ evidence }: Pick<ServiceEvent, 'evidence'>): string {
  const [name, id] = [evidence?.['instance_name'], evidence?.['instance']];
  return typeof name === 'string' && name !== '' ? name : typeof id === 'string' ? shortId(id) : '';
}

/** As much of an ID as tells it from the others. */
export const shortId = (id: string): string => id.slice(0, 8);

/** Whether each of several instances is judged by its own window, so that the sum of their failures is held against nothing. */
export const judgedApart = ({ source, instances }: Pick<Entry, 'source' | 'instances'>): boolean => source === 'agent' && instances.total > 1;

/** “2 of 14 open, 1 silent”; empty where all are well, or there is but one. */
export function census({ total, open, stale }: Entry['instances']): string {
  if (total < 2) return '';
  return [open > 0 ? `${open} of ${total} open` : '', stale > 0 ? (open > 0 ? `${stale} silent` : `${stale} of ${total} silent`) : ''].filter(Boolean).join(', ');
}

/** What an alert says of its service. */
export const alertWords: Record<AlertKind, string> = {
  circuit_state_change: 'circuit open', consecutive_failures: 'failures in a row', recovery_failure: 'does not recover',
  performance_degradation: 'slow', service_unknown: 'not heard of', flapping: 'flaps',
};

export const alertText = (kind: string): string => alertWords[kind as AlertKind] ?? kind.replaceAll('_', ' ');

/** How a circuit stands, in words: the mode where it is not auto, else the state. */
export function circuitWords(breaker: Pick<CircuitBreaker, 'state' | 'mode'>): string {
  return breaker.mode === 'auto' ? stateWords[breaker.state] : modeWords[breaker.mode];
}

/** Since when a circuit is not closed, through all failed recoveries; null where it has not opened. */
export function downSince({ circuit_breaker: c }: Pick<Entry, 'circuit_breaker'>): Moment | null {
  return c.state === 'closed' ? null : (c.outage?.began_at ?? c.opened_at);
}

/** Why a circuit first opened: what began the outage, where that is known, else its latest opening. */
export function downBecause({ circuit_breaker: c }: Pick<Entry, 'circuit_breaker'>): Pick<Trip, 'rule' | 'failures' | 'successes' | 'last_error'> | null {
  return c.state === 'closed' ? null : (c.outage ?? c.trip);
}

/** How many recoveries of this outage have failed. */
export const failedRecoveries = ({ circuit_breaker: c }: Pick<Entry, 'circuit_breaker'>): number => Math.max(0, (c.outage?.openings ?? 1) - 1);

/** One sentence for an event. */
export function eventText(event: ServiceEvent): string {
  const rule = ruleText(event.evidence?.['rule']);
  const state = (s: string | null) => stateWords[s as CircuitState] ?? modeWords[s as Mode] ?? s ?? '';
  switch (event.kind) {
    case 'instance_transition':
      return `${isolated(instanceOf(event))} ${state(event.from)} → ${state(event.to)}${rule ? `: ${rule}` : ''}`;
    case 'transition':
      return `${state(event.from)} → ${state(event.to)}${rule ? `: ${rule}` : ''}`;
    case 'override':
      return event.to === 'auto' ? 'override ended' : `${state(event.to)}`;
    default:
      return kindWords[event.kind] ?? event.kind;
  }
}
