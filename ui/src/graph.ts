import type { Entry } from './wire';

// Who depends on whom, and whom a failure reaches. What of it is a root, and of
// how much weight, pages/board/wrong.ts says.

/** Whether a service fails: its circuit is open or in recovery, or it is unhealthy. A dependency's failure is not its own. */
export function failing(entry: Pick<Entry, 'status' | 'circuit_breaker'>): boolean {
  if (entry.status === 'circuit_open' || entry.status === 'unhealthy') return true;
  return entry.circuit_breaker.mode === 'auto' && entry.circuit_breaker.state === 'half_open';
}

type Dependent = Pick<Entry, 'service' | 'dependencies'>;

/** The direct dependants of every service that has some, by name. */
export function dependants(entries: ReadonlyMap<string, Dependent>): Map<string, string[]> {
  const above = new Map<string, string[]>();
  for (const entry of entries.values()) {
    for (const dependency of new Set(entry.dependencies)) {
      const list = above.get(dependency);
      if (list) list.push(entry.service);
      else above.set(dependency, [entry.service]);
    }
  }
  for (const list of above.values()) list.sort();
  return above;
}

/** Everything that is reached from a service by these edges, without it: the nearest first. At most `hops` edges away. */
export function reach(from: string, edges: (service: string) => readonly string[] | undefined, hops = Infinity): string[] {
  const seen = new Set([from]);
  const all: string[] = [];
  let ring = [from];
  for (let hop = 0; hop < hops && ring.length > 0; hop++) {
    const next: string[] = [];
    for (const service of ring) {
      for (const other of edges(service) ?? []) {
        if (seen.has(other)) continue;
        seen.add(other);
        next.push(other);
      }
    }
    ring = next.sort();
    all.push(...ring);
  }
  return all;
}

/** Every service that depends on one of these, directly or through others. */
export function blast(from: Iterable<string>, above: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const left = [...from];
  for (let service = left.pop(); service !== undefined; service = left.pop()) {
    for (const other of above.get(service) ?? []) {
      if (reached.has(other)) continue;
      reached.add(other);
      left.push(other);
    }
  }
  return reached;
}

/** Of these roots those because of which a service fails: itself, or what it depends on, directly or through others. */
export function causes(service: string, entries: ReadonlyMap<string, Dependent>, roots: ReadonlySet<string>): string[] {
  return [service, ...reach(service, (name) => entries.get(name)?.dependencies)].filter((name) => roots.has(name));
}
