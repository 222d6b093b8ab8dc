import { dependants, failing, reach } from '../../graph';
import type { Entry, Status } from '../../wire';
import { worstFirst } from '../../words';
import type { Item } from './layout';

/** How many boxes are drawn at most. */
export const room = 300;

/** How far from a service its neighbourhood goes, in dependencies. */
export const hops = 2;

/** What is drawn: services, or where these are too many the layers that they are in. */
export interface Scene {
  kind: 'services' | 'layers';
  items: Item[];
  /** How many services belong to what is asked for and are not drawn. */
  left: number;
}

const rank = new Map(worstFirst.map((status, i) => [status, i]));

const worse = (a: Entry, b: Entry): number =>
  rank.get(a.status)! - rank.get(b.status)! || (a.service < b.service ? -1 : 1);

/** The services around one, those of one layer, all of them, or, where these are too many, their layers. */
export function scene(entries: ReadonlyMap<string, Entry>, focus: string, layer: string | null): Scene {
  const item = ({ service, layer: of, dependencies }: Entry): Item => ({ id: service, layer: of, dependencies });
  const services = (all: Entry[]): Scene => ({
    kind: 'services', items: all.slice(0, room).map(item), left: Math.max(0, all.length - room),
  });
  const present = (names: string[]) => names.map((name) => entries.get(name)).filter((entry) => entry !== undefined);
  const middle = entries.get(focus);
  if (middle) {
    const above = dependants(entries);
    const near = (n: number) => [
      ...reach(focus, (name) => entries.get(name)?.dependencies, n), ...reach(focus, (name) => above.get(name), n),
    ];
    return services([...new Set([middle, ...present(near(1)), ...present(near(hops))])]); // the nearest, where there is no room for all
  }
  if (layer !== null) return services([...entries.values()].filter((entry) => entry.layer === layer).sort(worse));
  if (entries.size <= room) return services([...entries.values()]);
  const groups = groupByLayer(entries);
  return {
    kind: 'layers',
    items: groups.slice(0, room).map((group) => ({ id: group.layer, layer: '', dependencies: group.needs })),
    left: groups.slice(room).reduce((n, group) => n + group.services, 0),
  };
}

export interface Group {
  layer: string;
  services: number;
  by: Record<Status, number>;
  worst: Status;
  failing: number;
  /** The other layers that its services depend on, and those of them of which a service that it needs fails. */
  needs: string[];
  broken: Set<string>;
}

/** The layers, the one with the most failing services first. */
export function groupByLayer(entries: ReadonlyMap<string, Entry>): Group[] {
  const groups = new Map<string, Group & { other: Set<string> }>();
  for (const entry of entries.values()) {
    let group = groups.get(entry.layer);
    if (!group) {
      group = {
        layer: entry.layer, services: 0, by: { circuit_open: 0, unhealthy: 0, degraded: 0, unknown: 0, healthy: 0 },
        worst: 'healthy', failing: 0, needs: [], broken: new Set(), other: new Set(),
      };
      groups.set(entry.layer, group);
    }
    group.services++;
    group.by[entry.status]++;
    if (failing(entry)) group.failing++;
    for (const name of entry.dependencies) {
      const dependency = entries.get(name);
      if (!dependency || dependency.layer === entry.layer) continue;
      group.other.add(dependency.layer);
      if (failing(dependency)) group.broken.add(dependency.layer);
    }
  }
  for (const group of groups.values()) {
    group.worst = worstFirst.find((status) => group.by[status] > 0) ?? 'healthy';
    group.needs = [...group.other].sort();
  }
  return [...groups.values()].sort((a, b) => b.failing - a.failing || b.services - a.services || (a.layer < b.layer ? -1 : 1));
}

/** What is up and down from an item within the scene, and itself. */
export function around(items: readonly Item[], id: string, upOnly = false): Set<string> {
  const above = dependants(new Map(items.map((item) => [item.id, { service: item.id, dependencies: [...item.dependencies] }])));
  const needs = new Map(items.map((item) => [item.id, item.dependencies]));
  return new Set([
    id,
    ...reach(id, (name) => above.get(name)),
    ...(upOnly ? [] : reach(id, (name) => needs.get(name))),
  ]);
}

/** The services whose names hold the words, those that begin so and the worst first. */
export function find(entries: ReadonlyMap<string, Entry>, text: string, limit = 12): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return [];
  const begins = (entry: Entry) => Number(!entry.service.toLowerCase().startsWith(words[0]!));
  return [...entries.values()]
    .filter(({ service }) => words.every((word) => service.toLowerCase().includes(word)))
    .sort((a, b) => begins(a) - begins(b) || worse(a, b))
    .slice(0, limit);
}
