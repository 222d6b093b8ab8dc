import { effect, signal } from '@preact/signals';

import { api, ApiError } from '../../api';
import { board } from '../../live/live';
import type { ConfigVersion, Entry, EventKind, Series, ServiceEvent } from '../../wire';
import { serviceKinds } from '../../words';
import { fromGoDuration, goDuration, stepFor, type Stretch, type View } from './ranges';
import { mergeEvents } from './story';
import { Samples, sampleOf } from './timeline';

const pageOfEvents = 200;
const mostPages = 3; // of a thousand events, for one stretch
const settledAfter = 6_000; // milliseconds after which a manager that came back knows how long it was away

export const message = (err: unknown): string => (err instanceof Error ? err.message : String(err));

const iso = (at: number) => new Date(at).toISOString();

/** What single instances do is not the service's doing: its stories, bands and marks are without that. */
const own = (kind: EventKind): boolean => kind !== 'instance_transition';

/**
 * What the page knows of its service beside the entry: asked for once, then
 * moved on by the stream. It is asked for anew when the stream was lost, when
 * the page was hidden, and when the stream has left out an event.
 */
export class ServiceData {
  /** The events of the service as a whole, not those of single instances, from some time until now, newest first. */
  readonly events = signal<ServiceEvent[]>([]);
  /** Since when they are all there. */
  readonly eventsFrom = signal(Infinity);
  readonly eventsError = signal('');
  readonly older = signal<string | null>(null);
  readonly versions = signal<ConfigVersion[]>([]);
  readonly series = signal<Series | null>(null);
  readonly step = signal(1_000);
  readonly loading = signal(true);
  readonly error = signal('');
  /** Rises with every sample. */
  readonly sampled = signal(0);
  readonly samples = new Samples();

  private last: Entry | undefined;
  private view: View | null = null;
  private readonly abort = new AbortController();
  private asking = new AbortController();
  private hiddenAt = 0;

  constructor(readonly service: string) {}

  /** Follows the stream until the function that it returns is called. */
  start(): () => void {
    const stops = [
      effect(() => this.sample()),
      effect(() => this.follow(board.events.value)),
      this.watchConnection(),
      this.watchPage(),
      this.watchNumbers(),
    ];
    void this.loadEvents();
    void this.loadVersions();
    return () => {
      this.abort.abort();
      this.asking.abort();
      stops.forEach((stop) => stop());
    };
  }

  private sample(): void {
    board.version.value;
    const entry = board.entries.get(this.service);
    if (!entry || entry === this.last) return;
    this.last = entry;
    const many = this.samples.push(sampleOf(entry, board.heardAt.peek()));
    this.sampled.value = this.sampled.peek() + 1;
    if (many) void this.ask();
  }

  private follow(all: readonly ServiceEvent[]): void {
    const known = this.events.peek();
    const fresh = all.filter((e) => e.service === this.service && own(e.kind) && !known.includes(e));
    if (fresh.length === 0) return;
    this.events.value = mergeEvents(known, fresh);
    if (fresh.some((e) => e.kind === 'config_changed' || e.kind === 'registered')) void this.loadVersions();
  }

  private watchConnection(): () => void {
    let away = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = effect(() => {
      const live = board.connection.value === 'live';
      if (live && away) {
        this.reload();
        clearTimeout(timer);
        timer = setTimeout(() => void this.ask(), settledAfter);
      }
      away = !live;
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }

  private watchPage(): () => void {
    const seen = () => {
      if (document.visibilityState === 'hidden') this.hiddenAt = Date.now();
      else if (this.hiddenAt > 0 && Date.now() - this.hiddenAt > 3_000) this.reload();
    };
    document.addEventListener('visibilitychange', seen);
    return () => document.removeEventListener('visibilitychange', seen);
  }

  /** Transitions are numbered: if the entry is ahead of the events for long, some were left out. */
  private watchNumbers(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const told = () => Math.max(0, ...this.events.peek().slice(0, 50).map((e) => Number(e.evidence?.['transition'] ?? 0)));
    const number = () => this.last?.circuit_breaker.transitions ?? 0;
    let missed = 0; // a number whose event is not to be had is asked for once
    const behind = () => this.eventsFrom.peek() !== Infinity && number() > Math.max(told(), missed);
    const stop = effect(() => {
      this.sampled.value;
      if (!behind() || timer) return;
      timer = setTimeout(() => {
        timer = undefined;
        if (!behind()) return;
        missed = number();
        this.reload();
      }, 5_000);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }

  private reload(): void {
    void this.loadEvents();
    void this.loadVersions();
    void this.ask();
  }

  /** Shows a stretch: asks for its series, and for events that reach as far back. */
  show(view: View): void {
    this.view = view;
    void this.ask();
    void this.reachTo(view.from);
  }

  private async ask(): Promise<void> {
    const view = this.view;
    if (!view) return;
    this.asking.abort();
    const { signal: aborted } = (this.asking = new AbortController());
    const now = board.now();
    const shown: Stretch = view.live ? { from: now - (view.to - view.from), to: now } : view;
    const step = stepFor(shown, now);
    const from = Math.floor(shown.from / step) * step;
    const to = Math.min(Math.ceil(shown.to / step) * step, now);
    this.loading.value = true;
    try {
      const series = await api.series(this.service, {
        from: iso(from), step: goDuration(step), ...(view.live ? {} : { to: iso(to) }),
      }, aborted);
      if (aborted.aborted) return;
      this.samples.forget(Date.parse(series.to));
      this.step.value = fromGoDuration(series.step) || step; // it may be a coarser one that is kept
      this.series.value = series;
      this.error.value = '';
    } catch (err) {
      if (!aborted.aborted) this.error.value = message(err);
    } finally {
      if (!aborted.aborted) this.loading.value = false;
    }
  }

  private async loadEvents(): Promise<void> {
    try {
      const page = await api.events({ service: this.service, kind: serviceKinds.join(','), limit: pageOfEvents }, this.abort.signal);
      const known = this.events.peek();
      const oldest = page.items.at(-1);
      // What was known joins on if the two overlap; else there is a hole between, and it is asked for anew.
      const joins = known.length > 0 && oldest !== undefined && Date.parse(known[0]!.at) >= Date.parse(oldest.at) && this.eventsFrom.peek() !== Infinity;
      this.events.value = mergeEvents(page.items, joins ? known : board.events.peek().filter((e) => e.service === this.service && own(e.kind)));
      if (!joins) {
        this.older.value = page.next;
        this.eventsFrom.value = page.next === null || !oldest ? -Infinity : Date.parse(oldest.at);
      }
      if (this.view) await this.reachTo(this.view.from);
      this.eventsError.value = '';
    } catch (err) {
      if (this.abort.signal.aborted) return;
      if (err instanceof ApiError && err.status === 404) this.eventsFrom.value = -Infinity; // there never was one
      else this.eventsError.value = message(err);
    }
  }

  /** Loads the next older events. */
  async loadOlder(limit = 1_000): Promise<void> {
    const cursor = this.older.peek();
    if (cursor === null) return;
    const page = await api.events({ service: this.service, kind: serviceKinds.join(','), limit, cursor }, this.abort.signal);
    if (this.older.peek() !== cursor) return;
    this.events.value = mergeEvents(this.events.peek(), page.items);
    this.older.value = page.next;
    const oldest = page.items.at(-1);
    this.eventsFrom.value = page.next === null || !oldest ? -Infinity : Date.parse(oldest.at);
  }

  private async reachTo(from: number): Promise<void> {
    try {
      for (let n = 0; n < mostPages && this.eventsFrom.peek() > from && this.older.peek() !== null; n++) await this.loadOlder();
    } catch {
      // The time before is drawn by what the series say.
    }
  }

  async loadVersions(): Promise<void> {
    try {
      this.versions.value = (await api.versions(this.service)).items;
    } catch {
      // A service that is gone has none to show.
    }
  }
}
