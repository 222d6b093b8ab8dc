import type { Item } from './layout';

// The order of layers, and how deep a service stands.

export const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** The longest way down from each to one that needs nothing; a circle is cut where it is met again. */
export function depths(ids: readonly string[], needs: (id: string) => readonly string[]): Map<string, number> {
  const depth = new Map<string, number>();
  const under = new Set<string>();
  const known = new Set(ids);
  for (const start of ids) {
    const stack: { id: string; next: number }[] = [{ id: start, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      if (top.next === 0 && depth.has(top.id)) {
        stack.pop();
        continue;
      }
      under.add(top.id);
      const other = needs(top.id)[top.next++];
      if (other !== undefined) {
        if (known.has(other) && !depth.has(other) && !under.has(other)) stack.push({ id: other, next: 0 });
        continue;
      }
      let deepest = 0;
      for (const id of needs(top.id)) if (known.has(id) && !under.has(id)) deepest = Math.max(deepest, 1 + (depth.get(id) ?? 0));
      under.delete(top.id);
      depth.set(top.id, deepest);
      stack.pop();
    }
  }
  return depth;
}

/** The layers from what is used by nobody, at the top, to what all stand on. */
export function orderLayers(items: readonly Item[]): string[] {
  const layerOf = new Map(items.map((item) => [item.id, item.layer]));
  const needsOf = new Map(items.map((item) => [item.id, item.dependencies]));
  const depth = depths([...needsOf.keys()], (id) => needsOf.get(id) ?? []);
  interface Layer { name: string; needs: number; used: number; depth: number; size: number }
  const layers = new Map<string, Layer>();
  const weight = new Map<string, number>(); // of the edges from a layer to another
  const edge = (from: string, to: string) => `${from}\n${to}`;
  for (const { layer } of items) layers.set(layer, { name: layer, needs: 0, used: 0, depth: 0, size: 0 });
  for (const item of items) {
    const own = layers.get(item.layer)!;
    own.depth += depth.get(item.id) ?? 0;
    own.size++;
    for (const dependency of item.dependencies) {
      const to = layerOf.get(dependency);
      if (to === undefined || to === item.layer) continue;
      weight.set(edge(item.layer, to), (weight.get(edge(item.layer, to)) ?? 0) + 1);
      own.needs++;
      layers.get(to)!.used++;
    }
  }
  // From the bottom: the one that needs nothing of what is left, else the one that is needed most and needs least.
  const before = (a: Layer, b: Layer) =>
    Number(a.needs > 0) - Number(b.needs > 0) || a.needs - a.used - (b.needs - b.used) ||
    a.depth / a.size - b.depth / b.size || compare(a.name, b.name);
  const order: string[] = [];
  while (layers.size > 0) {
    const next = [...layers.values()].reduce((a, b) => (before(b, a) < 0 ? b : a));
    layers.delete(next.name);
    order.unshift(next.name);
    for (const other of layers.values()) {
      other.needs -= weight.get(edge(other.name, next.name)) ?? 0;
      other.used -= weight.get(edge(next.name, other.name)) ?? 0;
    }
  }
  return order;
}
