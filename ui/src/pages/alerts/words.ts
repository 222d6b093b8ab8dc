import { count, duration, local, many } from '../../format';
import { serviceURL } from '../../route';
import type { Alert, Matcher, Silence } from '../../wire';
import { ruleText } from '../../words';

/** The page of a service as it was when an alert of it began. */
export const thenURL = ({ service, starts_at }: Pick<Alert, 'service' | 'starts_at'>): string => `${serviceURL(service)}?at=${encodeURIComponent(starts_at)}`;

/** The manager's sentence, with its clock as the page has it, and without how many depend on the root: that is told beside it. */
export function summaryText({ summary, starts_at }: Pick<Alert, 'summary' | 'starts_at'>, now: number): string {
  return summary
    .replace(/; \d+ services? depends? on it$/, '')
    .replace(/ since (\d\d):(\d\d) UTC/, (_, hours: string, minutes: string) => {
      const began = Date.parse(starts_at);
      const at = new Date(began).setUTCHours(Number(hours), Number(minutes), 0, 0);
      return ` since ${local(at > began + 60_000 ? at - 86_400_000 : at, now).replace(/:\d\d$/, '')}`;
    });
}

/** What a rule saw, in a few words, and the error that it saw. */
export function evidenceOf({ kind, evidence }: Pick<Alert, 'kind' | 'evidence'>): { words: string[]; error: string } {
  const seen = evidence ?? {};
  const number = (key: string) => (typeof seen[key] === 'number' ? (seen[key] as number) : 0);
  const ms = (key: string) => duration(number(key));
  const words: string[] = [];
  const add = (n: number, text: string) => n > 0 && text !== '' && words.push(text);
  switch (kind) {
    case 'circuit_state_change':
      add(1, ruleText(seen['rule']));
      add(number('failures'), number('successes') > 0 ? `${count(number('failures'))} of ${count(number('failures') + number('successes'))} failed` : `${count(number('failures'))} failed`);
      add(number('slow'), many(number('slow'), 'slow call'));
      add(number('openings') - 1, many(number('openings') - 1, 'failed recovery', 'failed recoveries'));
      break;
    case 'consecutive_failures':
      add(number('consecutive_failures'), `${many(number('consecutive_failures'), seen['of'] === 'health_checks' ? 'health check' : 'operation')} in a row`);
      add(number('threshold'), `alerts at ${count(number('threshold'))}`);
      break;
    case 'recovery_failure':
      add(number('failed_recoveries'), many(number('failed_recoveries'), 'failed recovery', 'failed recoveries'));
      add(number('threshold'), `alerts at ${count(number('threshold'))}`);
      break;
    case 'performance_degradation':
      add(number('p95_ms'), `95 % take up to ${ms('p95_ms')}`);
      add(number('limit_ms'), `alerts at ${ms('limit_ms')}`);
      break;
    case 'service_unknown':
      add(number('instances'), number('instances') === 1 ? 'its only instance is silent' : `${count(number('silent'))} of ${count(number('instances'))} instances silent`);
      add(number('report_interval_ms'), `they should report each ${ms('report_interval_ms')}`);
      break;
    case 'flapping':
      add(number('threshold'), `opened ${Array.isArray(seen['openings']) ? seen['openings'].length : number('threshold')} times within ${ms('within_ms')}`);
      break;
    default: // of a newer manager
      for (const [key, value] of Object.entries(seen).slice(0, 5)) if (['number', 'string'].includes(typeof value) && key !== 'last_error') words.push(`${key.replaceAll('_', ' ')}: ${String(value)}`);
  }
  const error = seen['last_error'];
  return { words, error: typeof error === 'string' ? error : '' };
}

/** How long an alert fired, in milliseconds. */
export const lasted = ({ starts_at, ends_at }: Pick<Alert, 'starts_at' | 'ends_at'>): number => Math.max(0, Date.parse(ends_at ?? starts_at) - Date.parse(starts_at));

/** How a silence stands now: it begins and ends by the clock. */
export const standing = ({ starts_at, ends_at }: Pick<Silence, 'starts_at' | 'ends_at'>, now: number): Silence['status'] =>
  now >= Date.parse(ends_at) ? 'expired' : now < Date.parse(starts_at) ? 'pending' : 'active';

const opWords: Record<string, string> = { '=': 'is', '!=': 'is not', '=~': 'matches', '!~': 'does not match' };

export const opText = (op: string): string => opWords[op] ?? op;

export const matcherText = ({ field, op, value }: Matcher): string => `${field} ${opText(op)} ${value}`;

/** The fetched alerts with those that ended meanwhile; of these none that a further page will have. */
export function withEnded(fetched: readonly Alert[], ended: readonly Alert[], more: boolean, service: string): Alert[] {
  const last = fetched.at(-1);
  const all = new Map(fetched.map((alert) => [alert.id, alert]));
  for (const alert of ended) {
    if ((service === '' || alert.service === service) && (!more || !last || alert.id > last.id)) all.set(alert.id, alert);
  }
  return [...all.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}
