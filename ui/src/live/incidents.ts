import type { Alert, Moment, Severity, Status } from '../wire';

/** The gravest first. */
export const severities: Severity[] = ['critical', 'warning', 'info'];

/** Alerts that come from one root. */
export interface Incident {
  id: string;
  /** The service that it comes from. */
  root: string;
  /** Those that fire: first of the root, then the gravest. */
  alerts: Alert[];
  /** The gravest of them. */
  severity: Severity;
  /** When the first of them began. */
  since: number;
  /** Those that depend on the root; the first hundred. */
  affects: string[];
  /** Whether something of it is neither acknowledged nor silenced. */
  loud: boolean;
  /** Who has acknowledged of it last, all or a part. */
  seen: { by: string; at: Moment } | null;
  /** How many of its alerts nobody has acknowledged; where it was seen, they are new since. */
  unseen: number;
  /** The silences that cover some of it. */
  silences: string[];
}

/** How many names the manager gives at most of those that depend on a root. */
export const affectsTold = 100;

export const rank = (severity: string): number => {
  const at = severities.indexOf(severity as Severity);
  return at < 0 ? severities.length : at;
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What fires, by incident: what nobody has seen first, of that the gravest, of those the oldest. */
export function incidentsOf(firing: readonly Alert[]): Incident[] {
  const groups = new Map<string, Alert[]>();
  for (const alert of firing) {
    const group = groups.get(alert.incident);
    if (group) group.push(alert);
    else groups.set(alert.incident, [alert]);
  }
  return [...groups].map(([id, group]) => incident(id, group)).sort((a, b) =>
    Number(b.loud) - Number(a.loud) || rank(a.severity) - rank(b.severity) || a.since - b.since || compare(a.id, b.id));
}

function incident(id: string, group: Alert[]): Incident {
  // When a root is found its alerts are told one by one: the latest knows best.
  const latest = group.reduce((a, b) => (Date.parse(b.updated_at) > Date.parse(a.updated_at) ? b : a));
  const root = latest.root ?? latest.service;
  const alerts = group.toSorted((a, b) =>
    Number(b.service === root) - Number(a.service === root) || rank(a.severity) - rank(b.severity) || compare(a.service, b.service) || compare(a.id, b.id));
  const seen = alerts.filter((alert) => alert.acknowledged_by !== null).sort((a, b) => compare(b.acknowledged_at ?? '', a.acknowledged_at ?? ''));
  return {
    id, root, alerts, affects: latest.affects,
    severity: alerts.reduce<Severity>((worst, { severity }) => (rank(severity) < rank(worst) ? severity : worst), alerts[0]!.severity),
    since: Math.min(...alerts.map((alert) => Date.parse(alert.starts_at))),
    loud: alerts.some((alert) => alert.acknowledged_by === null && alert.silenced_by.length === 0),
    seen: seen[0] ? { by: seen[0].acknowledged_by!, at: seen[0].acknowledged_at ?? '' } : null,
    unseen: alerts.length - seen.length,
    silences: [...new Set(alerts.flatMap((alert) => alert.silenced_by))],
  };
}

/** How the root stands in its incident: it has an alert, it fails and has none yet, or it is well again before all else is. */
export function rootStands({ root, alerts }: Pick<Incident, 'root' | 'alerts'>, status: Status | undefined): 'alert' | 'fails' | 'well' {
  return alerts[0]!.service === root ? 'alert' : status === 'healthy' ? 'well' : 'fails';
}

/** How many depend on the root, in words; empty where none does. */
export function dependText({ affects }: Pick<Incident, 'affects'>): string {
  if (affects.length === 0) return '';
  if (affects.length === 1) return '1 service depends on it';
  return `${affects.length < affectsTold ? affects.length : `${affectsTold} or more`} services depend on it`;
}
