import { circuitWords, modeWords, statusWords } from '../words';
import type { CircuitBreaker, Status } from '../wire';
import './badge.css';

/** The shape of a status: known without its colour. */
export function Shape({ status }: { status: Status | 'forced' }) {
  return (
    <svg class={`shape is-${status}`} viewBox="0 0 16 16" aria-hidden="true">
      {status === 'circuit_open' && <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5zM5 5l6 6M11 5l-6 6" class="cut" />}
      {status === 'unhealthy' && <path d="M8 1 15.5 14.5H.5zM8 6v4M8 12v.6" class="cut" />}
      {status === 'degraded' && <path d="M8 .8 15.2 8 8 15.2.8 8zM8 4.6V9M8 10.8v.6" class="cut" />}
      {status === 'unknown' && <circle cx="8" cy="8" r="6.2" class="hollow" />}
      {status === 'healthy' && <><circle cx="8" cy="8" r="7" /><path d="m4.6 8.2 2.4 2.4 4.4-5" class="stroke" /></>}
      {status === 'forced' && <><rect x="2.5" y="7" width="11" height="8" rx="1.5" /><path d="M5 7V4.6a3 3 0 0 1 6 0V7" class="bow" /></>}
    </svg>
  );
}

export function StatusBadge({ status }: { status: Status }) {
  return (
    <span class={`badge is-${status}`}>
      <Shape status={status} />
      {statusWords[status]}
    </span>
  );
}

/** How the circuit stands; a mode other than auto has a lock. */
export function CircuitBadge({ breaker }: { breaker: Pick<CircuitBreaker, 'state' | 'mode'> }) {
  const status: Status = breaker.state === 'open' ? 'circuit_open' : breaker.state === 'half_open' ? 'degraded' : 'healthy';
  if (breaker.mode === 'auto') {
    return <span class={`badge is-${status}`}><Shape status={status} />{circuitWords(breaker)}</span>;
  }
  return <span class="badge is-forced"><Shape status="forced" />{modeWords[breaker.mode]}</span>;
}
