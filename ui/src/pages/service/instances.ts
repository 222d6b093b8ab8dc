import { signal } from '@preact/signals';

import type { Instance } from '../../wire';
import { circuitWords, downSince, shortId } from '../../words';

// The instances of a service of agents: which there are, how each stands, and
// when they are asked for.

/** How an instance stands, what matters most first. */
export const standings = ['open', 'half_open', 'silent', 'closed', 'away', 'gone'] as const;
export type Standing = (typeof standings)[number];

/** Milliseconds after which one that is not connected would be silent, had its process not ended in order. */
const silentAfter = 20_000;

export function standingOf(one: Instance, now: number): Standing {
  if (one.stale) return 'silent';
  if (!one.connected) return now - Date.parse(one.seen_at) > silentAfter ? 'gone' : 'away';
  if (one.is_open) return 'open';
  return one.circuit_breaker.mode === 'auto' && one.circuit_breaker.state === 'half_open' ? 'half_open' : 'closed';
}

/** How an instance stands, in words; of one that is not heard, how it stood when it last was. */
export function standingWords(one: Instance, standing: Standing): string {
  const circuit = circuitWords(one.circuit_breaker);
  switch (standing) {
    case 'silent':
      return `silent, was ${circuit}`;
    case 'away':
      return `cut off, was ${circuit}`;
    case 'gone':
      return 'gone';
    default:
      return one.bad_caller === true ? `${circuit}, alone` : circuit;
  }
}

/** Since when its circuit stands as it does; null where that was not told. */
export function standsSince(one: Instance): string | null {
  const c = one.circuit_breaker;
  if (c.mode !== 'auto') return null;
  if (c.state === 'half_open') return c.last_recovery_attempt ?? downSince(one);
  return c.state === 'open' ? downSince(one) : (c.last_reset ?? one.joined_at);
}

/** Whether it runs the config that is in force. */
export const isCurrent = (one: Instance, version: number): boolean => one.config_version === version;

const rank: Record<Standing, number> = { open: 0, half_open: 1, silent: 2, closed: 3, away: 3, gone: 4 };

/** What is to be looked at first: the open ones, then those on trial and the silent ones, each by name. */
export function inOrder(list: readonly Instance[], now: number): Instance[] {
  const at = new Map(list.map((one) => [one, rank[standingOf(one, now)]]));
  return [...list].sort((a, b) => at.get(a)! - at.get(b)! || byName(a.name, b.name) || byName(a.instance, b.instance));
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export type Only = '' | 'open' | 'half_open' | 'silent' | 'refused' | 'other';

/** Which instances are to be seen. */
export const choices: { name: Only; words: string }[] = [
  { name: '', words: 'all' }, { name: 'open', words: 'open' }, { name: 'half_open', words: 'half-open' }, { name: 'silent', words: 'silent' },
  { name: 'refused', words: 'that refused a config' }, { name: 'other', words: 'with another config' },
];

/** Those that a text is in, of what is told of them, and that are as is wanted. */
export function filtered(list: readonly Instance[], text: string, only: Only, version: number, now: number): Instance[] {
  const wanted = text.trim().toLowerCase();
  return list.filter((one) => {
    if (only === 'refused' ? one.config_error === null : only === 'other' ? isCurrent(one, version) : only !== '' && standingOf(one, now) !== only) return false;
    return wanted === '' || [one.name, one.instance, one.program, one.node, one.address].some((said) => said.toLowerCase().includes(wanted));
  });
}

/** How many instances there are and how they stand, in a sentence, from the instances themselves. */
export function told(list: readonly Instance[], now: number): string {
  const n = { open: 0, half_open: 0, silent: 0, closed: 0, away: 0, gone: 0 };
  for (const one of list) n[standingOf(one, now)]++;
  const parts = [
    n.open > 0 && `${n.open} open`, n.half_open > 0 && `${n.half_open} half-open`, n.silent > 0 && `${n.silent} silent`,
    n.away > 0 && `${n.away} cut off`, n.gone > 0 && `${n.gone} gone`,
  ].filter(Boolean);
  return `${list.length} ${list.length === 1 ? 'instance' : 'instances'}${parts.length > 0 ? `: ${parts.join(', ')}` : list.length === 1 ? ', which is well' : ', none of them open'}`;
}

/** Who runs which version of the config, in a sentence. */
export function runText(list: readonly Instance[], version: number): string {
  const n = list.filter((one) => isCurrent(one, version)).length;
  if (list.length === 1) return n === 1 ? `Its one instance runs version ${version}.` : `Its one instance does not run version ${version} yet.`;
  return `${n} of ${list.length} instances run version ${version}.`;
}

/** What to call it: its name, and as much of its ID as tells it from another of the same name. */
export const nameOf = (one: Pick<Instance, 'name' | 'instance'>): string => one.name || shortId(one.instance);

/**
 * The instances of a service, asked for when somebody wants to see them and then
 * when something has changed: at most once in `pause` milliseconds, and not
 * while nobody looks.
 */
export class Instances {
  /** Null: nothing has been answered yet. */
  readonly list = signal<readonly Instance[] | null>(null);
  readonly error = signal('');
  /** When the last answer came, by the manager's clock; 0: none has. */
  readonly at = signal(0);

  private due = false;
  private askedAt = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: AbortController | null = null;
  private over = false;

  constructor(
    private readonly ask: (signal: AbortSignal) => Promise<readonly Instance[]>,
    private readonly now: () => number,
    private readonly seen: () => boolean,
    private readonly pause = 2_000,
  ) {}

  /** Something has changed. */
  changed(): void {
    this.due = true;
    this.next();
  }

  /** Asks if it is to be asked, and may be now: also when somebody looks again. */
  next(): void {
    if (!this.due || this.over || this.asking || this.timer !== undefined || !this.seen()) return;
    const wait = this.askedAt + this.pause - Date.now();
    if (wait <= 0) {
      void this.load();
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.next();
    }, wait);
  }

  /** Asks again where that was long ago: of who only lives nothing changes but when it was heard. */
  refresh(after = 10_000): void {
    if (Date.now() - this.askedAt >= after) this.changed();
  }

  stop(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.asking?.abort();
  }

  private async load(): Promise<void> {
    const asking = (this.asking = new AbortController());
    this.due = false;
    this.askedAt = Date.now();
    try {
      const list = await this.ask(asking.signal);
      if (asking.signal.aborted) return;
      this.list.value = list;
      this.at.value = this.now();
      this.error.value = '';
    } catch (err) {
      if (asking.signal.aborted) return;
      this.error.value = err instanceof Error ? err.message : String(err);
    }
    this.asking = null;
    this.next();
  }
}
