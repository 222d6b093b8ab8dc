import { count, many, share, span } from '../../format';
import type { Entry, Trip } from '../../wire';
import { census, downBecause, failedRecoveries, judgedApart, modeWords, ruleText, stateWords } from '../../words';
import type { Words } from './words';
import { since } from './wrong';

// Why a service is as it is, and since when.

/** Since when a service is as it is; `about`: reckoned from how often its check failed. */
export interface Since {
  at: number;
  about: boolean;
}

/** The beginning of its outage, where it has one; `turned` is when its status was seen to change, 0 where it was not. */
export function sinceOf(entry: Entry, turned: number): Since | null {
  const { health } = entry;
  const began = since(entry);
  if (began > 0) return { at: began, about: false };
  if (turned > 0) return { at: turned, about: false };
  const interval = Number(entry.config['healthCheckIntervalMs'] ?? 0);
  if (health.healthy !== false || !health.checked_at || interval <= 0) return null;
  return { at: Date.parse(health.checked_at) - interval * (health.consecutive_failures - 1), about: health.consecutive_failures > 1 };
}

/** for 12m 04s, 4 failed recoveries */
export function sinceText(entry: Entry, since: Since | null, at: number): string {
  const failed = failedRecoveries(entry);
  const recoveries = failed > 0 ? many(failed, 'failed recovery', 'failed recoveries') : '';
  const time = since ? `for ${since.about ? 'about ' : ''}${span(at - since.at)}` : '';
  return [time, recoveries].filter((part) => part !== '').join(', ');
}

/** Why a service is as it is, in a sentence; `needs` are the dependencies that fail. */
export function reasonOf(entry: Entry, needs: readonly string[]): Words {
  const c = entry.circuit_breaker;
  if (c.override) {
    const below = c.state === 'closed' ? '' : `; without it the circuit is ${stateWords[c.state]}`;
    return [`${modeWords[c.override.mode]} by `, { told: c.override.actor }, ': ', { told: c.override.reason }, below];
  }
  if (c.state === 'half_open') {
    const why = openingText(downBecause(entry));
    return [why ? `circuit half-open, on trial; it opened for ${why}` : 'circuit half-open: on trial', ofMany(entry)];
  }
  if (c.state === 'open') {
    const why = openingText(downBecause(entry));
    return [why ? `circuit open: ${why}` : 'circuit open', ofMany(entry)];
  }
  const own = ownReason(entry);
  if (own !== '') return [own];
  if (needs.length === 0 && oneNear(entry)) return [nearWords];
  return [needs.length > 0 ? needsText(needs) : `${many(c.failures, 'failure')} in the window`];
}

/** How its instances stand, after why it is down. */
function ofMany(entry: Entry): string {
  const words = census(entry.instances);
  return words === '' ? '' : `; instances: ${words}`;
}

/** What a service needs that fails. */
export const needsText = (needs: readonly string[]): string =>
  `needs ${needs.slice(0, 5).join(', ')}${needs.length > 5 ? ` and ${needs.length - 5} more` : ''}, which ${needs.length === 1 ? 'fails' : 'fail'}`;

function openingText(trip: Pick<Trip, 'rule' | 'failures' | 'successes'> | null): string {
  if (!trip) return '';
  const all = trip.failures + trip.successes;
  return `${ruleText(trip.rule)}${all > 0 && trip.failures > 0 ? ` (${count(trip.failures)} of ${count(all)})` : ''}`;
}

/** What opened a circuit, for where there is little room. */
export function openedBy(entry: Entry): string {
  const c = entry.circuit_breaker;
  if (c.mode === 'forced_open') return 'by hand';
  const why = downBecause(entry);
  if (!why) return '–';
  const all = why.failures + why.successes;
  switch (why.rule) {
    case 'failure_rate':
      return all > 0 ? `${share(why.failures / all)} failed` : 'failures';
    case 'slow_calls':
      return 'slow calls';
    case 'children_open':
      return 'its keys';
    case 'health_check':
      return 'its check';
    case 'probe_timeout':
      return 'a time-out';
    default:
      return why.failures > 0 ? `${count(why.failures)} failed` : 'failures';
  }
}

/** What is wrong with a service itself while its circuit is closed; empty: nothing that it tells. */
export function ownReason(entry: Entry): string {
  if (!entry.running) return 'not running: so it says itself';
  const { healthy, consecutive_failures: checks } = entry.health;
  if (healthy === false) return checks > 1 ? `health check failed ${checks} times in a row` : 'health check failed';
  return someOpen(entry) || nearReason(entry);
}

/** How many of its instances refuse while the service as a whole does not; empty where none does. */
export function someOpen({ instances: { total, open, stale }, circuit_breaker: c }: Entry): string {
  if (open === 0 || c.state !== 'closed' || total < 2) return '';
  return `${open} of ${total} instances ${open === 1 ? 'is' : 'are'} open${stale > 0 ? `, ${stale} ${stale === 1 ? 'is' : 'are'} silent` : ''}`;
}

export const nearWords = 'one of its instances recovers, or is near to opening';

/** Whether it can only be one of many instances that makes a service degraded. */
export const oneNear = (entry: Entry): boolean =>
  entry.status === 'degraded' && judgedApart(entry) && ownReason(entry) === '';

/** What brings a closed circuit near to opening, by the manager's rules: half of what opens it, or more. */
function nearReason(entry: Entry): string {
  const { failures, consecutive_failures: streak } = entry.circuit_breaker;
  const limit = (name: string) => Number(entry.config[name] ?? 0);
  const [threshold, rate, row] = [limit('failureThreshold'), limit('failureRateThreshold'), limit('consecutiveFailureThreshold')];
  if (entry.status !== 'degraded') return '';
  if (row > 0 && 2 * streak >= row) return `${many(streak, 'failure')} in a row, ${count(row)} open it`;
  if (!judgedApart(entry) && failures > 0 && threshold > 0 && 2 * failures >= threshold) {
    return `${many(failures, 'failure')} in the window, ${count(threshold)} open it${rate > 0 ? ` if they are ${share(rate)} of all` : ''}`;
  }
  return '';
}

/** Whether the reports of a service have stopped. */
export const silent = (entry: Entry): boolean =>
  entry.status === 'unknown' && entry.report_interval_ms > 0 && (entry.operations.total + entry.operations.ignored > 0 || entry.health.checked_at !== null);

/** Whether a circuit that is open should have an error: slow operations have none, and keys have their own. */
export function lacksError(entry: Entry): boolean {
  const { state, mode } = entry.circuit_breaker;
  const rule = downBecause(entry)?.rule ?? '';
  return state === 'open' && mode === 'auto' && rule !== 'slow_calls' && rule !== 'children_open';
}

/** An error that was told, and what of it is not plain from where it stands. */
export interface Told {
  label: string;
  text: string;
}

/** The errors that tell why: of an outage the first, and the latest where it is another one. */
export function errorsOf(entry: Entry, at: number): Told[] {
  const { circuit_breaker: c, health } = entry;
  if (c.state !== 'closed') return errorsOfOutage(entry, at);
  if (c.override) return [];
  if (health.healthy === false) return some({ label: '', text: health.error ?? '' });
  return some({ label: `last error${ago(c.last_failure, at)}`, text: c.last_error ?? '' });
}

function errorsOfOutage(entry: Entry, at: number): Told[] {
  const c = entry.circuit_breaker;
  const first = downBecause(entry)?.last_error ?? '';
  const opening = c.trip?.last_error ?? '';
  const after = (moment: string | null) => c.last_error !== null && Date.parse(c.last_failure ?? '') >= Date.parse(moment ?? '');
  if (c.state === 'open') return both(first, { label: 'latest', text: after(c.opened_at) ? c.last_error! : opening }, '');
  if (after(c.last_recovery_attempt)) return both(first, { label: `in the recovery${ago(c.last_failure, at)}`, text: c.last_error! });
  return both(first, { label: `last error before the recovery${ago(c.opened_at, at)}`, text: opening || (c.last_error ?? '') });
}

/** The first and the latest error, or where they are the same the latest, which then has the label `alone`. */
function both(first: string, latest: Told, alone = latest.label): Told[] {
  if (first === '' || latest.text === '' || alike(first, latest.text)) return some({ label: alone, text: latest.text || first });
  return [{ label: 'first', text: first }, latest];
}

const some = (told: Told): Told[] => (told.text === '' ? [] : [told]);

const ago = (moment: string | null, at: number): string => (moment ? `, ${span(at - Date.parse(moment))} ago` : '');

/** Whether two errors differ in nothing but numbers: ports and identifiers change with each. */
const alike = (a: string, b: string): boolean => a.replace(/\d+/g, '0') === b.replace(/\d+/g, '0');
