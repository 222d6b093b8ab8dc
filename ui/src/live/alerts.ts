import { signal } from '@preact/signals';

import { ApiError, type Page } from '../api';
import type { Alert, Message } from '../wire';
import { soon } from './board';

/** How many firing alerts are held at most: the newest. */
export const most = 1_000;

const endedKept = 200;
const pages = 50; // that are asked for at most: of a limited log-in many can be empty

/**
 * The alerts that fire. They are asked for when the stream is joined, and again
 * whenever it may have left something out; between that the stream tells what
 * changes. A manager that has no alerts is not asked again by itself.
 */
export class AlertBook {
  /** Whether the manager watches for alerts; null: not known yet. */
  readonly present = signal<boolean | null>(null);
  /** The newest first. */
  readonly firing = signal<readonly Alert[]>([]);
  /** Whether more fire than are held. */
  readonly more = signal(false);
  /** Why those that fire could not be asked for, while that is so. */
  readonly error = signal('');
  /** Those that were seen to end, the newest first; 200 at most. */
  readonly ended = signal<readonly Alert[]>([]);
  /** Rises when all were asked for: what the stream told before may have holes. */
  readonly turn = signal(0);

  private held = new Map<string, Alert>();
  private over: Alert[] = [];
  private told: Map<string, Alert> | null = null; // while it is asked
  private asking: AbortController | null = null;
  private again = false;
  private joined = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pending = false;

  constructor(
    private readonly page: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Alert>>,
    private readonly schedule: (flush: () => void) => void = soon,
  ) {}

  take(message: Message): void {
    switch (message.type) {
      case 'connection:status':
        this.joined = true;
        this.ask();
        break;
      case 'services:state':
        // The first one after a beginning says nothing new; any other stands in for what was left out.
        if (message.page === 1 && !this.joined) this.ask();
        if (message.page === message.pages) this.joined = false;
        break;
      case 'services:heartbeat':
        this.joined = false;
        break;
      case 'alert:firing':
      case 'alert:resolved':
        this.told?.set(message.alert.id, message.alert);
        this.put(message.alert);
        if (this.present.peek() === false) this.ask();
        break;
    }
  }

  /** Takes what an order has answered, before the stream tells it. */
  put(alert: Alert): void {
    const before = this.held.get(alert.id) ?? this.over.find((other) => other.id === alert.id);
    if (before && Date.parse(alert.updated_at) < Date.parse(before.updated_at)) return;
    if (alert.status === 'firing') {
      this.held.set(alert.id, alert);
    } else {
      this.held.delete(alert.id);
      this.over = [alert, ...this.over.filter((other) => other.id !== alert.id)].slice(0, endedKept);
      if (this.more.peek() && this.held.size < most / 2) this.ask();
    }
    this.changed();
  }

  /** Forgets everything: somebody else may look now, who may see less. */
  clear(): void {
    this.asking?.abort();
    this.asking = null;
    this.told = null;
    this.again = false;
    this.tries = 0;
    clearTimeout(this.timer);
    this.held.clear();
    this.over = [];
    this.present.value = null;
    this.more.value = false;
    this.error.value = '';
    this.changed();
  }

  private ask(): void {
    clearTimeout(this.timer);
    if (this.asking) this.again = true;
    else void this.load();
  }

  private async load(): Promise<void> {
    const asking = new AbortController();
    this.asking = asking;
    this.told = new Map();
    try {
      const [found, more] = await this.all(asking.signal);
      if (asking.signal.aborted) return;
      this.held = new Map(found.map((alert) => [alert.id, alert]));
      for (const alert of this.told.values()) this.put(alert);
      this.more.value = more;
      this.present.value = true;
      this.error.value = '';
      this.tries = 0;
      this.turn.value++;
      this.changed();
    } catch (err) {
      if (asking.signal.aborted) return;
      this.failed(err);
    }
    this.asking = null;
    this.told = null;
    if (!this.again) return;
    this.again = false;
    this.ask();
  }

  private async all(signal: AbortSignal): Promise<[found: Alert[], more: boolean]> {
    const found: Alert[] = [];
    let cursor: string | undefined;
    for (let n = 0; n < pages; n++) {
      const page = await this.page(cursor, signal);
      found.push(...page.items);
      if (page.next === null) return [found.slice(0, most), found.length > most];
      if (found.length >= most) break;
      cursor = page.next;
    }
    return [found.slice(0, most), true];
  }

  private failed(err: unknown): void {
    const status = err instanceof ApiError ? err.status : 0;
    if (status === 403 || status === 404 || (status === 503 && this.present.peek() !== true)) { // there are none, or none for the one who is here
      this.present.value = false;
      this.held.clear();
      this.changed();
      return;
    }
    this.error.value = err instanceof Error ? err.message : String(err);
    this.timer = setTimeout(() => this.ask(), Math.min(30_000, 1_000 * 2 ** this.tries++));
  }

  private changed(): void {
    if (this.pending) return;
    this.pending = true;
    this.schedule(() => {
      this.pending = false;
      if (this.held.size > most) {
        this.more.value = true;
        for (const { id } of newestFirst(this.held.values()).slice(most)) this.held.delete(id);
      }
      this.firing.value = newestFirst(this.held.values());
      this.ended.value = this.over;
    });
  }
}

/** Of later alerts the IDs are higher. */
const newestFirst = (list: Iterable<Alert>): Alert[] => [...list].sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
