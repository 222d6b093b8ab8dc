import { span } from '../../format';
import type { ServiceEvent } from '../../wire';
import { ruleText } from '../../words';
import { merge } from '../time/marks';
import { outageOf } from '../time/outage';

/** What is asked for, as the URL has it. */
export interface Filter {
  service: string;
  kinds: readonly string[];
  since: string;
  until: string;
}

/** Whether an event is within the filter, as the manager takes it: since is in, until is not. */
export function passes(event: ServiceEvent, { service, kinds, since, until }: Filter): boolean {
  const at = Date.parse(event.at);
  return (service === '' || event.service === service) && (kinds.length === 0 || kinds.includes(event.kind)) &&
    (since === '' || at >= Date.parse(since)) && (until === '' || at < Date.parse(until));
}

/**
 * The fetched events with the live ones on top. Of the live ones only those are
 * taken that are newer than the newest fetched or among the fetched times, so
 * that the list has no hole that a further page would fill.
 */
export function withLive(fetched: readonly ServiceEvent[], live: readonly ServiceEvent[], more: boolean, filter: Filter): ServiceEvent[] {
  const oldest = fetched.at(-1);
  const reach = more && oldest ? Date.parse(oldest.at) : -Infinity;
  return merge(fetched, live.filter((event) => passes(event, filter) && Date.parse(event.at) >= reach));
}

/** What of the evidence says why, in a few words: the numbers of an opening, the attempt of a recovery, the version of a config. */
export function evidenceWords(event: Pick<ServiceEvent, 'kind' | 'to' | 'at' | 'evidence'>): string[] {
  const number = (key: string) => (typeof event.evidence?.[key] === 'number' ? (event.evidence[key] as number) : 0);
  const words: string[] = [];
  const add = (n: number, one: string, many: string) => n > 0 && words.push(`${n} ${n === 1 ? one : many}`);
  const moves = event.kind === 'transition' || event.kind === 'instance_transition';
  if (moves && event.to === 'open') {
    add(number('failures'), 'failure', 'failures');
    add(number('successes'), 'success', 'successes');
    add(number('slow'), 'slow call', 'slow calls');
    add(number('consecutive_failures'), 'in a row', 'in a row');
  }
  const attempt = number('recovery_attempt');
  if (moves && attempt > 0) words.push(`recovery attempt ${attempt}`);
  const outage = event.kind === 'transition' && event.to !== 'half_open' ? outageOf(event) : null;
  const down = outage ? Date.parse(event.at) - Date.parse(outage.began_at) : 0;
  if (outage && down >= 1_000) words.push(event.to === 'closed' ? `was down for ${span(down)}` : `down for ${span(down)}: ${ruleText(outage.rule)}`);
  const version = number('config_version');
  if (version > 0 && ['config_changed', 'registered'].includes(event.kind)) words.push(`version ${version}`);
  return words;
}

/** The error that an event tells of: not the last one that there was, where it was over. */
export function errorOf(event: Pick<ServiceEvent, 'kind' | 'to' | 'evidence'>): string {
  const tells = ((event.kind === 'transition' || event.kind === 'instance_transition') && event.to === 'open') || event.kind === 'health_failed';
  const error = event.evidence?.['last_error'] ?? event.evidence?.['error'];
  return tells && typeof error === 'string' ? error : '';
}
