import type { Entry } from '../../wire';
import { downSince } from '../../words';

/** Something that is wrong by itself, and not because of what it depends on. */
export interface Wrong {
  service: string;
  kind: 'failing' | 'forced' | 'recovering' | 'close';
  /** What is not well because of it, the nearest first. */
  drags: string[];
  /** How many services depend on it, directly or not, well or not. */
  dependents: number;
}

const order = { failing: 0, forced: 1, recovering: 2, close: 3 };

export const fails = (entry: Entry): boolean => entry.status === 'circuit_open' || entry.status === 'unhealthy';

const ill = (entry: Entry | undefined): boolean => !!entry && (fails(entry) || entry.circuit_breaker.state === 'half_open');

/**
 * The roots of what is wrong, the ones that matter most first: failing services
 * whose own dependencies are well, and after them the ones that recover or are
 * close to opening. Of services that depend on each other in a ring the one
 * that failed first is taken for the root.
 */
export function whatIsWrong(entries: ReadonlyMap<string, Entry>): Wrong[] {
  const sick: Entry[] = [];
  const near: Entry[] = [];
  for (const entry of entries.values()) {
    if (ill(entry)) sick.push(entry);
    else if (entry.status === 'degraded' && ofItself(entry, entries)) near.push(entry);
  }
  if (sick.length + near.length === 0) return [];
  const above = dependentsOf(entries);
  const reached = new Set<string>();
  const list: Wrong[] = [];
  const root = (entry: Entry, kind: Wrong['kind']) => {
    const drags = follow(entry.service, above, (name) => entries.get(name)!.status !== 'healthy' && entries.get(name)!.status !== 'unknown');
    reached.add(entry.service);
    for (const name of drags) reached.add(name);
    list.push({ service: entry.service, kind, drags, dependents: follow(entry.service, above, () => true).length });
  };
  const [roots, rest] = split(sick, (entry) => !entry.dependencies.some((name) => name !== entry.service && ill(entries.get(name))));
  for (const entry of roots) root(entry, kindOf(entry));
  rest.sort((a, b) => since(a) - since(b));
  for (const entry of rest) if (!reached.has(entry.service)) root(entry, kindOf(entry));
  for (const entry of near) root(entry, 'close');
  return list.sort((a, b) => order[a.kind] - order[b.kind] || b.drags.length - a.drags.length ||
    since(entries.get(b.service)!) - since(entries.get(a.service)!) || (a.service < b.service ? -1 : 1));
}

function kindOf(entry: Entry): Wrong['kind'] {
  if (!fails(entry)) return 'recovering';
  return entry.circuit_breaker.mode === 'forced_open' ? 'forced' : 'failing';
}

/** Whether a degraded service is so for a reason of its own. */
function ofItself(entry: Entry, entries: ReadonlyMap<string, Entry>): boolean {
  return !entry.dependencies.some((name) => {
    const other = entries.get(name);
    return !!other && fails(other);
  });
}

/** Since when a service fails, in milliseconds; 0 where the entry does not tell. */
export function since(entry: Entry): number {
  const began = downSince(entry) ?? (entry.circuit_breaker.state === 'half_open' ? entry.circuit_breaker.last_recovery_attempt : null);
  return began ? Date.parse(began) : 0;
}

/** The dependencies of a service that fail. */
export const failingDependencies = (entry: Entry, entries: ReadonlyMap<string, Entry>): string[] =>
  entry.dependencies.filter((name) => {
    const other = entries.get(name);
    return !!other && fails(other);
  });

function dependentsOf(entries: ReadonlyMap<string, Entry>): Map<string, string[]> {
  const above = new Map<string, string[]>();
  for (const entry of entries.values()) {
    for (const name of entry.dependencies) {
      const list = above.get(name);
      if (list) list.push(entry.service);
      else above.set(name, [entry.service]);
    }
  }
  return above;
}

/** Everything that is reached upwards from a service through services that pass, nearest first. */
function follow(from: string, above: ReadonlyMap<string, string[]>, pass: (name: string) => boolean): string[] {
  const seen = new Set([from]);
  const found: string[] = [];
  let level = above.get(from) ?? [];
  while (level.length > 0) {
    const next: string[] = [];
    for (const name of level) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (!pass(name)) continue;
      found.push(name);
      next.push(...(above.get(name) ?? []));
    }
    level = next;
  }
  return found;
}

function split<T>(list: T[], yes: (x: T) => boolean): [T[], T[]] {
  const [a, b]: [T[], T[]] = [[], []];
  for (const x of list) (yes(x) ? a : b).push(x);
  return [a, b];
}
