import { signal } from '@preact/signals';

import type { Entry, Message, Role, ServiceEvent } from '../wire';
import { Ring } from './ring';

export type Connection = 'connecting' | 'live' | 'lost' | 'ended';

const eventsKept = 500;

/**
 * What is known of the fleet: the stream's messages go in, and at most once a
 * frame `version` says that something is new. The entries themselves are no
 * signals: with 10 000 of them only what is on the screen may cost something.
 * An entry is never changed, only replaced.
 */
export class Board {
  readonly connection = signal<Connection>('connecting');
  readonly role = signal<Role | null>(null);
  /** Whether a whole snapshot has been seen: until then what is not on the board may well be there. */
  readonly known = signal(false);
  /** How much of the first snapshot has come, as a share of one. */
  readonly loaded = signal(0);
  /** Rises when entries have changed. */
  readonly version = signal(0);
  /** Rises when a service came, went, or changed in what orders and groups it. */
  readonly shape = signal(0);
  /** The events since the page was opened, the newest first; 500 at most. */
  readonly events = signal<ServiceEvent[]>([]);
  /** When the manager was last heard, by its own clock. */
  readonly heardAt = signal(0);

  readonly entries = new Map<string, Entry>();
  /** The manager's clock less ours, in milliseconds. */
  skew = 0;

  private readonly rings = new Map<string, Ring>();
  private readonly changes = new Map<string, number>();
  private readonly turns = new Map<string, number>(); // of the status alone
  private paging: Entry[] | null = null;
  private touched = new Set<string>(); // what changed between the pages of a snapshot
  private blindSince: number | undefined;
  private pending = false;
  private reshaped = false;
  private fresh: ServiceEvent[] = [];

  constructor(private readonly schedule: (flush: () => void) => void = soon) {}

  /** The recent counts of a service. */
  ring(service: string): Ring {
    let ring = this.rings.get(service);
    if (!ring) this.rings.set(service, (ring = new Ring()));
    return ring;
  }

  /** Now, by the manager's clock. */
  now(): number {
    return Date.now() + this.skew;
  }

  /** When a service's status or circuit last changed, as far as is known; 0: not known. */
  changedAt(service: string): number {
    return this.changes.get(service) ?? lastMoment(this.entries.get(service));
  }

  /** Since when a service has its status, as far as it was seen to begin; 0: it was not. */
  turnedAt(service: string): number {
    return this.turns.get(service) ?? 0;
  }

  take(message: Message): void {
    this.clock(message.timestamp);
    switch (message.type) {
      case 'connection:status':
        this.role.value = message.role;
        this.connection.value = 'live';
        break;
      case 'services:state':
        this.snapshot(message.page, message.pages, message.services, Date.parse(message.timestamp));
        break;
      case 'service:update':
        this.touched.add(message.service);
        this.put(message, Date.parse(message.timestamp), this.blindSince);
        break;
      case 'service:event':
        this.event(message.event);
        break;
      case 'services:heartbeat':
        this.blindSince = undefined; // everything that was missed has been told
        break;
    }
    if (!this.paging) this.touched.clear();
    this.changed();
  }

  lost(ended: boolean): void {
    this.paging = null;
    this.blindSince ??= this.heardAt.peek() || undefined;
    this.connection.value = ended ? 'ended' : 'lost';
  }

  /** Forgets everything: somebody else may look now, who may see less. */
  clear(): void {
    this.entries.clear();
    this.rings.clear();
    this.changes.clear();
    this.turns.clear();
    this.paging = null;
    this.fresh = [];
    this.events.value = [];
    this.known.value = false;
    this.loaded.value = 0;
    this.connection.value = 'connecting';
    this.reshaped = true;
    this.changed();
  }

  private clock(timestamp: string): void {
    const at = Date.parse(timestamp);
    if (Number.isNaN(at)) return;
    const skew = at - Date.now();
    // A message can only be late: the least delay seen is the nearest to the truth.
    this.skew = this.heardAt.peek() === 0 || skew > this.skew || skew < this.skew - 5_000 ? skew : this.skew;
    this.heardAt.value = at;
  }

  private snapshot(page: number, pages: number, services: Entry[], at: number): void {
    if (page === 1) {
      this.paging = [];
      this.touched.clear();
    }
    if (!this.paging) return;
    this.paging.push(...services);
    if (!this.known.peek()) {
      // The first one is shown as it comes; later ones replace what is there at once.
      for (const entry of services) if (!this.touched.has(entry.service)) this.put(entry, at);
      this.loaded.value = page / pages;
    }
    if (page < pages) return;
    const gone = new Set(this.entries.keys());
    for (const entry of this.paging) {
      gone.delete(entry.service);
      if (!this.touched.has(entry.service)) this.put(entry, at, this.blindSince);
    }
    for (const service of gone) if (!this.touched.has(service)) this.remove(service);
    this.paging = null;
    this.blindSince = undefined;
    this.reshaped = true;
    this.known.value = true;
  }

  private put(entry: Entry, at: number, blindSince?: number): void {
    const before = this.entries.get(entry.service);
    this.entries.set(entry.service, entry);
    const { successful, failed, rejected } = entry.operations;
    this.ring(entry.service).push({ at, successful, failed, rejected }, blindSince);
    const moved = !before || before.status !== entry.status || before.circuit_breaker.state !== entry.circuit_breaker.state ||
      before.circuit_breaker.mode !== entry.circuit_breaker.mode;
    if (moved && before) this.changes.set(entry.service, at);
    if (before && before.status !== entry.status) this.turns.set(entry.service, at);
    if (moved || before.layer !== entry.layer || !same(before.dependencies, entry.dependencies)) this.reshaped = true;
  }

  private remove(service: string): void {
    this.touched.add(service);
    this.entries.delete(service);
    this.rings.delete(service);
    this.changes.delete(service);
    this.turns.delete(service);
    this.reshaped = true;
  }

  private event(event: ServiceEvent): void {
    if (event.kind === 'removed') this.remove(event.service);
    this.fresh.push(event);
    if (this.fresh.length > 2 * eventsKept) this.fresh = this.fresh.slice(-eventsKept); // a hidden tab draws no frame
  }

  private changed(): void {
    if (this.pending) return;
    this.pending = true;
    this.schedule(() => this.flush());
  }

  private flush(): void {
    this.pending = false;
    if (this.fresh.length > 0) {
      this.events.value = [...this.fresh.reverse(), ...this.events.peek()].slice(0, eventsKept);
      this.fresh = [];
    }
    if (this.reshaped) {
      this.reshaped = false;
      this.shape.value++;
    }
    this.version.value++;
  }
}

/** What signals hand out for a map that changes in place: a new one each time, at no cost. */
export class View<V> implements ReadonlyMap<string, V> {
  constructor(private readonly map: ReadonlyMap<string, V>) {}
  get size() { return this.map.size; }
  get(key: string) { return this.map.get(key); }
  has(key: string) { return this.map.has(key); }
  keys() { return this.map.keys(); }
  values() { return this.map.values(); }
  entries() { return this.map.entries(); }
  [Symbol.iterator]() { return this.map[Symbol.iterator](); }
  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void) {
    this.map.forEach((value, key) => visit(value, key, this));
  }
}

const same = (a: string[], b: string[]): boolean => a.length === b.length && a.every((x, i) => x === b[i]);

/** The latest moment that an entry tells of a change. */
export function lastMoment(entry: Entry | undefined): number {
  if (!entry) return 0;
  const c = entry.circuit_breaker;
  return Math.max(...[c.opened_at, c.last_reset, c.last_recovery_attempt].map((at) => (at ? Date.parse(at) : 0)));
}

/** Before the next frame, or soon where there are none, as in a hidden tab. */
export function soon(flush: () => void): void {
  if (document.visibilityState === 'visible') requestAnimationFrame(flush);
  else setTimeout(flush, 250);
}
