import { share } from '../../format';
import type { Entry } from '../../wire';
import { modeWords } from '../../words';

/** The one thing that is to be said of a service beside its numbers. */
export interface Note {
  kind: 'override' | 'recovery' | 'waits' | 'needs' | 'health' | 'close' | 'quiet';
  text: string;
  /** What the text counts down to. */
  until?: string | null;
}

/** The most pressing thing to be said; `needs` are the dependencies that fail. */
export function noteOf(entry: Entry, needs: string[]): Note | null {
  const c = entry.circuit_breaker;
  if (c.override) return { kind: 'override', text: `${modeWords[c.override.mode]}, ends in`, until: c.override.expires_at };
  if (c.mode === 'disabled') return { kind: 'override', text: 'switched off in its config: never opens' };
  if (c.state === 'half_open' && c.awaits_health_check) return { kind: 'waits', text: 'waits for its health check' };
  if (c.state === 'half_open') {
    const text = `${share(c.admitted_share)} let in`;
    return c.closes_at ? { kind: 'recovery', text: `${text}, closes in`, until: c.closes_at } : { kind: 'recovery', text: `${text}: one at a time is tried` };
  }
  if (needs.length > 0) return { kind: 'needs', text: needs.join(', ') };
  if (!entry.running) return { kind: 'health', text: 'says that it is not running' };
  if (entry.health.healthy === false) return { kind: 'health', text: `health check: ${entry.health.error ?? 'failed'}` };
  if (c.state === 'open' && c.trip?.last_error) return { kind: 'quiet', text: c.trip.last_error };
  if (entry.instances.open > 0) return { kind: 'close', text: `open on ${entry.instances.open} of ${entry.instances.total} instances` };
  if (entry.instances.stale > 0) return { kind: 'quiet', text: `${entry.instances.stale} of ${entry.instances.total} instances are silent` };
  if (entry.status === 'unknown') return { kind: 'quiet', text: 'nothing has run yet' };
  return null;
}

/** What a person can do about a failing service, in a sentence; `until`: what it counts down to. */
export function adviceOf(entry: Entry): { text: string; until?: string | null } {
  const c = entry.circuit_breaker;
  if (c.mode === 'forced_open') return { text: 'The override ends', until: c.override?.expires_at ?? null };
  if (c.state === 'open') return c.next_attempt_at ? { text: 'It tries again by itself', until: c.next_attempt_at } : { text: 'It tries again by itself.' };
  if (c.state === 'half_open' && c.awaits_health_check) return { text: 'Its health check must pass before anything is let in.' };
  if (c.state === 'half_open') return c.closes_at ? { text: 'If nothing fails, it closes', until: c.closes_at } : { text: 'It closes by itself when the trial goes well.' };
  if (!entry.running) return { text: 'Start it: it says that it is not running.' };
  if (entry.health.healthy === false) return { text: 'Operations still go through. Look at the service itself.' };
  return { text: 'Nothing is refused yet.' };
}
