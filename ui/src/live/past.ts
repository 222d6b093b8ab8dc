import { signal } from '@preact/signals';

import type { Entry } from '../wire';

/** The board as it was. */
export interface Past {
  at: number;
  entries: ReadonlyMap<string, Entry>;
  /** Why it could not be had; then there are no entries. */
  error: string;
}

/** Moments that are so near to the present may still change. */
const settled = 5_000;

/** How many entries are kept at most, of all moments together. */
const room = 60_000;

/**
 * The board at the moment that is wanted. One question is under way at a time,
 * and what was shown stays until the answer is there: who drags through an hour
 * sees the states pass by, and nothing flickers. The last moments are kept.
 */
export class PastBoard {
  /** What is shown; its `at` is not the wanted moment while the answer is awaited. Null: the present is wanted. */
  readonly shown = signal<Past | null>(null);

  private readonly kept = new Map<number, ReadonlyMap<string, Entry>>();
  private wanted: number | null = null;
  private asking: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Pause is the least time between two questions, in milliseconds. */
  constructor(
    private readonly ask: (at: number, signal: AbortSignal) => Promise<Entry[]>,
    private readonly now: () => number,
    private readonly pause = 100,
  ) {}

  /** Wants a moment; null is the present. Meanwhile shows what is shown, or at first the present board. */
  want(at: number | null, present: ReadonlyMap<string, Entry>): void {
    this.wanted = at;
    if (at === null) {
      this.stop();
      this.shown.value = null;
      return;
    }
    const kept = this.kept.get(at);
    if (kept) {
      this.kept.delete(at); // to the end: the last to go
      this.kept.set(at, kept);
      this.shown.value = { at, entries: kept, error: '' };
      return;
    }
    if (this.shown.peek() === null && present.size > 0) this.shown.value = { at: this.now(), entries: new Map(present), error: '' };
    void this.next();
  }

  /** Forgets everything, as another may have logged in. */
  clear(): void {
    this.stop();
    this.kept.clear();
    this.wanted = null;
    this.shown.value = null;
  }

  private stop(): void {
    this.asking?.abort();
    this.asking = null;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async next(): Promise<void> {
    const at = this.wanted;
    const shown = this.shown.peek();
    if (at === null || this.asking || this.timer !== undefined || (shown?.at === at && shown.error === '')) return;
    const asking = new AbortController();
    this.asking = asking;
    let past: Past;
    try {
      const entries = new Map((await this.ask(at, asking.signal)).map((entry) => [entry.service, entry]));
      past = { at, entries, error: '' };
      if (at < this.now() - settled) this.keep(at, entries);
    } catch (err) {
      past = { at, entries: new Map(), error: err instanceof Error ? err.message : String(err) };
    }
    if (asking.signal.aborted) return;
    this.asking = null;
    this.shown.value = past;
    if (this.wanted === at) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.next();
    }, this.pause);
  }

  private keep(at: number, entries: ReadonlyMap<string, Entry>): void {
    this.kept.set(at, entries);
    let n = 0;
    for (const map of this.kept.values()) n += map.size;
    for (const [old, map] of this.kept) {
      if (n <= room || old === at) break;
      this.kept.delete(old);
      n -= map.size;
    }
  }
}
