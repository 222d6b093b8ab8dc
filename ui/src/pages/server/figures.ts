import type { ServerInfo } from '../../wire';

/** A look at the manager, and when it was taken. */
export interface Look {
  at: number;
  info: ServerInfo;
}

/** Messages, bytes and changes a second between two looks; null where they cannot be told. */
export function rates(before: Look | undefined, after: Look): { messages: number; bytes: number; updates: number } | null {
  if (!before || before.info.started_at !== after.info.started_at || after.at <= before.at) return null;
  const seconds = (after.at - before.at) / 1_000;
  const per = (name: 'messages' | 'bytes' | 'updates') => Math.max(0, after.info.stream[name] - before.info.stream[name]) / seconds;
  return { messages: per('messages'), bytes: per('bytes'), updates: per('updates') };
}

/** 512 B, 3.4 KiB, 120 MiB. */
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [size, unit] = [n, 0];
  while (size >= 1_023.5 && unit < units.length - 1) [size, unit] = [size / 1_024, unit + 1];
  return `${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

export interface Trouble {
  /** Whether the manager is not ready because of it. */
  grave: boolean;
  /** Whether something is away that the node needs to know all at once. */
  missing?: boolean;
  what: string;
  /** What is shown is as it was then. */
  asOf?: string | null;
  todo: string;
}

/** What is wrong with the manager, and what to do about it; the worst first. */
export function troubles(info: ServerInfo): Trouble[] {
  const { store, stream, series } = info;
  const found: Trouble[] = [];
  const follows = info.cluster?.role === 'follows';
  if (follows && !store.answers) {
    found.push({
      grave: true,
      what: `This node follows, and cannot read the store${store.error ? `: ${store.error}` : ''}.`,
      asOf: info.cluster?.as_of ?? null,
      todo: 'It goes on by itself when the store answers, and shows then what it has missed. See that the store can be reached from this node; another node may be well.',
    });
  } else if (info.cluster?.problem && store.answers && !store.error) {
    found.push({
      grave: true,
      what: `The node cannot do its part: ${info.cluster.problem}.`,
      asOf: follows ? info.cluster.as_of : null,
      todo: 'Another node may be well. It goes on by itself when what is missing is back; operations.md says of each failure what to do.',
    });
  } else if (!info.ready) {
    found.push({
      grave: true,
      what: store.error ? `The manager is not ready: ${store.error}` : 'The manager is not ready.',
      todo: 'Circuits go on deciding and are shown, but what happens is not stored: resets, configs and tokens are refused until it is. See that the store can be reached, that its disk has room and may be written, and read the log of the manager. It goes on by itself when the store answers.',
    });
  } else if (!store.answers) {
    found.push({ grave: true, what: 'The store did not take the last write.', todo: 'It is tried again by itself. If this stays, see that the disk of the store has room and may be written, and read the log of the manager.' });
  }
  const bus = info.cluster?.bus;
  if (bus && !bus.connected) {
    found.push({
      grave: false,
      missing: true,
      what: `${bus.kind === 'nats' ? 'NATS' : 'What PostgreSQL notifies of'} is away${bus.error ? `: ${bus.error}` : ''}.`,
      todo: 'What another node does is seen here up to a second later, from the store. It comes back by itself.',
    });
  }
  if (store.dropped_events > 0) {
    found.push({ grave: false, what: `${store.dropped_events} events were never stored, for too many waited.`, todo: 'The history has a hole there; the states of the services are right. It comes of a store that was away, or slow, for long.' });
  }
  if (store.waiting > 1_000) {
    found.push({ grave: false, what: `${store.waiting} changes wait for the store.`, todo: 'They are shown already and are stored as soon as it takes them. If the number keeps rising, the store is too slow or away.' });
  }
  if (series.dropped > 0) {
    found.push({ grave: false, what: `${series.dropped} pieces of the kept series were lost, for the store did not take them.`, todo: 'Charts have a hole there.' });
  }
  if (stream.slow > 0) {
    found.push({ grave: false, what: `${stream.slow} times a client was too slow for the stream.`, todo: 'It was given a fresh snapshot, or let go and came back: it saw no wrong state. Many of them point to a slow network or to a program that does not read.' });
  }
  return found;
}
