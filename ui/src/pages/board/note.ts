import { many, share } from '../../format';
import type { Entry } from '../../wire';
import { census, downBecause, failedRecoveries, modeWords, ruleText } from '../../words';
import { nearWords, needsText, oneNear, ownReason, silent, someOpen } from './reason';
import type { Words } from './words';

/** A thing that is to be said of a service beside its numbers. */
export interface Note {
  kind: 'override' | 'recovery' | 'waits' | 'needs' | 'health' | 'close' | 'instances' | 'quiet';
  words: Words;
  /** What the words count down to. */
  until?: string | null;
}

/**
 * What is to be said of a service, two things at most: first what is with it
 * itself, then which of its dependencies fail, `needs`.
 */
export function notesOf(entry: Entry, needs: readonly string[]): Note[] {
  const own = ownNotes(entry);
  if (needs.length > 0 && own.length < 2) own.push({ kind: 'needs', words: [needsText(needs)] });
  const instances = census(entry.instances);
  if (own.length === 1 && instances !== '' && entry.circuit_breaker.state !== 'closed') own.push({ kind: 'instances', words: [`instances: ${instances}`] });
  if (own.length > 0) return own;
  if (oneNear(entry)) return [{ kind: 'close', words: [nearWords] }];
  const { total, stale } = entry.instances;
  if (stale > 0) return [{ kind: 'quiet', words: [total === 1 ? 'its one instance is silent' : stale === total ? `all ${total} instances are silent` : `${stale} of ${many(total, 'instance')} ${stale === 1 ? 'is' : 'are'} silent`] }];
  if (total === 0 && entry.source === 'agent') return [{ kind: 'quiet', words: ['no instance is connected'] }];
  if (silent(entry)) return [{ kind: 'quiet', words: ['silent: its reports have stopped'] }];
  if (entry.status === 'unknown') return [{ kind: 'quiet', words: ['nothing has run yet'] }];
  return [];
}

function ownNotes(entry: Entry): Note[] {
  const c = entry.circuit_breaker;
  if (c.override) {
    return [
      { kind: 'override', words: [`${modeWords[c.override.mode]}, ends in`], until: c.override.expires_at },
      { kind: 'quiet', words: [{ told: c.override.actor }, ': ', { told: c.override.reason }] },
    ];
  }
  if (c.mode === 'disabled') return [{ kind: 'override', words: ['switched off in its config: never opens'] }];
  if (c.state === 'half_open') return [trialNote(entry)];
  if (c.state === 'open') return [openNote(entry)];
  if (entry.running && entry.health.healthy === false) return [{ kind: 'health', words: ['health check: ', entry.health.error ? { told: entry.health.error } : 'failed'] }];
  const own = ownReason(entry);
  const error = someOpen(entry) === own ? c.last_error : null;
  if (own !== '' && error) return [{ kind: 'close', words: [own, ': ', { told: error }] }];
  return own === '' ? [] : [{ kind: entry.running ? 'close' : 'health', words: [own] }];
}

function trialNote({ circuit_breaker: c }: Entry): Note {
  if (c.awaits_health_check) return { kind: 'waits', words: ['waits for its health check'] };
  const words = `${share(c.admitted_share)} let in`;
  return c.closes_at ? { kind: 'recovery', words: [`${words}, closes in`], until: c.closes_at } : { kind: 'recovery', words: [`${words}: one at a time is tried`] };
}

function openNote(entry: Entry): Note {
  const failed = failedRecoveries(entry);
  const why = downBecause(entry);
  const recoveries = failed > 0 ? `${many(failed, 'failed recovery', 'failed recoveries')}; ` : '';
  return { kind: 'quiet', words: [recoveries, why?.last_error ? { told: why.last_error } : ruleText(why?.rule)] };
}

/** What happens next, or what a person can do about it, in a sentence; `until`: what it counts down to. */
export function adviceOf(entry: Entry): { text: string; until?: string | null } {
  const c = entry.circuit_breaker;
  if (c.override) return { text: 'The override ends', until: c.override.expires_at };
  if (c.mode === 'disabled') return { text: 'It is switched off in its config, and refuses nothing.' };
  if (c.state === 'open') return c.next_attempt_at ? { text: 'It tries again by itself', until: c.next_attempt_at } : { text: 'It tries again by itself.' };
  if (c.state === 'half_open' && c.awaits_health_check) return { text: 'Its health check must pass before anything is let in.' };
  if (c.state === 'half_open') return c.closes_at ? { text: 'If nothing fails, it closes', until: c.closes_at } : { text: 'It closes by itself when the trial goes well.' };
  if (!entry.running) return { text: 'Start it: it says that it is not running.' };
  if (entry.health.healthy === false) return { text: 'Operations still go through. Look at the service itself.' };
  if (someOpen(entry) !== '') return { text: entry.instances.open === 1 ? 'That one refuses, and tries again by itself.' : 'Those refuse, and try again by themselves.' };
  return { text: 'Nothing is refused yet.' };
}
