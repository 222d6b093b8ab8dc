import type { Severity } from '../wire';
import './severity.css';

/** The shape of a severity: known without its colour. */
export function SeverityShape({ severity }: { severity: Severity }) {
  return (
    <svg class={`shape is-${severity}`} viewBox="0 0 16 16" aria-hidden="true">
      {severity === 'critical' && <path d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5zM8 4v5M8 11.6v.4" class="cut" />}
      {severity === 'warning' && <path d="M8 1 15.5 14.5H.5zM8 6v4M8 12v.6" class="cut" />}
      {severity !== 'critical' && severity !== 'warning' && <path d="M8 .8a7.2 7.2 0 1 0 0 14.4A7.2 7.2 0 1 0 8 .8zM8 7.4v4.2M8 4.4v.3" class="cut" />}
    </svg>
  );
}

export function SeverityBadge({ severity }: { severity: Severity }) {
  return <span class={`badge is-${severity}`}><SeverityShape severity={severity} />{severity}</span>;
}
