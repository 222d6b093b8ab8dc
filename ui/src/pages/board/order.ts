import type { Entry, Status } from '../../wire';
import { statusWords, worstFirst } from '../../words';

export const sorts = ['worst', 'name', 'rate', 'errors', 'p95', 'changed'] as const;
export type Sort = (typeof sorts)[number];
export type Grouping = '' | 'layer' | 'status';

/** What is to be shown, and in what order. */
export interface Wanted {
  search: string;
  statuses: Status[]; // none: all
  layers: string[]; // none: all
  sort: Sort;
  group: Grouping;
}

/** What an order needs to know beside the entries. */
export interface Facts {
  rate: (service: string) => number;
  errors: (service: string) => number;
  changedAt: (service: string) => number;
  /** Whether it is wrong by itself, and not because of what it depends on. */
  root: (service: string) => boolean;
}

export interface Group {
  key: string; // '' where nothing is grouped
  title: string;
  names: string[];
}

/** Whether an order follows numbers that always move. */
export const moves = (sort: Sort): boolean => sort === 'rate' || sort === 'errors' || sort === 'p95';

const statusRank = Object.fromEntries(worstFirst.map((status, i) => [status, i])) as Record<Status, number>;

/**
 * How bad it is, the worst lowest. Only states count and no numbers, so that
 * an order by it moves when something happened and at no other time.
 */
export function badness(entry: Entry): number {
  const { state, mode } = entry.circuit_breaker;
  const rank = 4 * statusRank[entry.status];
  if (entry.status === 'circuit_open') return rank + (mode === 'forced_open' ? 1 : 0); // somebody wants it so
  if (entry.status === 'degraded') return rank + (state === 'open' ? 0 : state === 'half_open' ? 1 : 2);
  return rank + (mode === 'auto' ? 1 : 0);
}

/** As `badness`, and of two that are as bad the one that is wrong by itself comes first. */
export const rankOf = (entry: Entry, root: boolean): number => 2 * badness(entry) + (root ? 0 : 1);

/** The words of a search, each of which must be somewhere in a service's name, layer or description. */
export function matcher(search: string): (entry: Entry) => boolean {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return () => true;
  return (entry) => {
    const text = `${entry.service}\n${entry.layer}\n${entry.description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

interface Row {
  name: string;
  entry: Entry;
  key: number;
}

/** The services that are wanted, in their groups and order. */
export function arrange(entries: ReadonlyMap<string, Entry>, wanted: Wanted, facts: Facts): Group[] {
  const matches = matcher(wanted.search);
  const [statuses, layers] = [new Set(wanted.statuses), new Set(wanted.layers)];
  const keyOf = sortKey(wanted.sort, facts);
  const rows: Row[] = [];
  for (const [name, entry] of entries) {
    if (statuses.size > 0 && !statuses.has(entry.status)) continue;
    if (layers.size > 0 && !layers.has(entry.layer)) continue;
    if (matches(entry)) rows.push({ name, entry, key: keyOf(name, entry) });
  }
  rows.sort((a, b) => a.key - b.key || (a.name < b.name ? -1 : 1));
  return grouped(rows, wanted.group);
}

function sortKey(sort: Sort, facts: Facts): (name: string, entry: Entry) => number {
  switch (sort) {
    case 'worst':
      return (name, entry) => rankOf(entry, facts.root(name));
    case 'name':
      return () => 0;
    case 'rate':
      return (name) => -facts.rate(name);
    case 'errors':
      return (name) => -facts.errors(name);
    case 'p95':
      return (_, entry) => -entry.performance.p95OperationTimeMs;
    case 'changed':
      return (name) => -facts.changedAt(name);
  }
}

function grouped(rows: Row[], by: Grouping): Group[] {
  if (by === '') return rows.length === 0 ? [] : [{ key: '', title: '', names: rows.map((row) => row.name) }];
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = by === 'layer' ? row.entry.layer : row.entry.status;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  const keys = [...groups.keys()].sort((a, b) =>
    by === 'status' ? statusRank[a as Status] - statusRank[b as Status] : Number(a === '') - Number(b === '') || (a < b ? -1 : 1));
  return keys.map((key) => ({
    key,
    title: by === 'status' ? statusWords[key as Status] : key === '' ? 'without a layer' : key,
    names: groups.get(key)!.map((row) => row.name),
  }));
}

/** How many services stand elsewhere than they should: moved between ranks, came or went. */
export function differing(shown: ReadonlyMap<string, number>, due: ReadonlyMap<string, number>): number {
  let n = 0;
  for (const [name, rank] of due) if (shown.get(name) !== rank) n++;
  for (const name of shown.keys()) if (!due.has(name)) n++;
  return n;
}
