import type { Outage, ServiceEvent } from '../../wire';

// A circuit that opens stays down until it closes: what it does meanwhile, each
// recovery that fails, belongs to that one outage and is no opening of its own.

/** What a transition tells of its outage. */
export type OutageThen = Omit<Outage, 'event_id'>;

/** The outage that a transition belongs to; null where that was not stored with it. */
export function outageOf(event: Pick<ServiceEvent, 'evidence'>): OutageThen | null {
  const outage = event.evidence?.['outage'];
  if (typeof outage !== 'object' || outage === null) return null;
  const { began_at: began, openings } = outage as Partial<OutageThen>;
  if (typeof began !== 'string' || Number.isNaN(Date.parse(began)) || typeof openings !== 'number') return null;
  return outage as OutageThen;
}

/** Whether an event is the opening that begins an outage, and not a recovery that failed. */
export function isOpening(event: Pick<ServiceEvent, 'kind' | 'from' | 'to' | 'evidence'>): boolean {
  if (event.kind !== 'transition' || event.to !== 'open') return false;
  const outage = outageOf(event);
  return outage ? outage.openings <= 1 : event.from !== 'half_open';
}
