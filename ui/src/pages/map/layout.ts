import { compare, depths, orderLayers } from './layers';

// Where the boxes of the map stand. Layers are bands from top to bottom, in the
// order in which they need each other; within a band a service stands above
// what it needs. All lengths are pixels at zoom 1.

export interface Item {
  id: string;
  layer: string;
  dependencies: readonly string[];
}

export interface Box {
  id: string;
  layer: string;
  x: number;
  y: number;
  /** Which level, from the top, and which place on it, from the left. */
  level: number;
  place: number;
}

export interface Line {
  from: string; // needs
  to: string; // is needed
  path: string;
}

export interface Band {
  layer: string;
  y: number;
  height: number;
}

export interface Layout {
  boxes: Map<string, Box>;
  lines: Line[];
  bands: Band[];
  width: number;
  height: number;
}

/** Of a box, of the space between boxes, and of a band; `names` is the room for the names of the bands. */
export const size = { width: 222, height: 48, gap: 18, levelGap: 46, bandGap: 30, bandPad: 14, names: 104, line: 10 };

/** In larger maps lines go straight to where they end, and under the boxes on their way. */
const routedUpTo = 90;

interface Level {
  layer: string;
  ids: string[];
}

interface Edge {
  from: string;
  to: string;
  /** The places between boxes that the line goes through, one on each level on its way. */
  through: string[];
}

export function layOut(all: readonly Item[]): Layout {
  const items = [...all].sort((a, b) => compare(a.id, b.id)); // the same drawing, whoever came first
  const known = new Set(items.map((item) => item.id));
  const edges: Edge[] = items.flatMap((item) =>
    [...new Set(item.dependencies)].filter((to) => known.has(to) && to !== item.id).map((to) => ({ from: item.id, to, through: [] })));

  let levels = levelsOf(items);
  untangle(levels, neighboursOf(edges));
  levels = wrap(levels, items.length);
  if (items.length <= routedUpTo) route(levels, edges);
  const neighbours = neighboursOf(edges);
  untangle(levels, neighbours);
  const middles = align(levels, neighbours, (id) => (known.has(id) ? size.width : size.line));

  const left = Math.min(...levels.flatMap(({ ids }) => ids.map((id) => middles.get(id)! - size.width / 2)));
  const named = levels.some((level) => level.layer !== '');
  const shift = (named ? size.names : size.bandPad) - (Number.isFinite(left) ? left : 0);
  const drawing: Layout = { boxes: new Map(), lines: [], bands: [], width: 1, height: 1 };
  const points = new Map<string, Point>();
  let y = 0;
  levels.forEach((level, l) => {
    let band = drawing.bands.at(-1);
    if (band && band.layer === level.layer) {
      y += size.levelGap;
    } else {
      if (band) y += size.bandGap;
      drawing.bands.push((band = { layer: level.layer, y, height: 0 }));
      y += size.bandPad;
    }
    let place = 0;
    for (const id of level.ids) {
      const x = middles.get(id)! + shift;
      points.set(id, { x, top: y, bottom: y + size.height, level: l });
      if (!known.has(id)) continue;
      drawing.boxes.set(id, { id, layer: level.layer, x: x - size.width / 2, y, level: l, place: place++ });
      drawing.width = Math.max(drawing.width, x + size.width / 2 + size.bandPad);
    }
    y += size.height;
    band.height = y + size.bandPad - band.y;
    if (levels[l + 1]?.layer !== level.layer) y += size.bandPad;
  });
  drawing.height = Math.max(1, y);
  for (const edge of edges) {
    drawing.lines.push({ from: edge.from, to: edge.to, path: draw([edge.from, ...edge.through, edge.to].map((id) => points.get(id)!)) });
  }
  return drawing;
}

/** The levels from top to bottom, each with its services by name. */
function levelsOf(items: readonly Item[]): Level[] {
  const layered = items.some((item) => item.layer !== '');
  const needsOf = new Map(items.map((item) => [item.id, item.dependencies]));
  const levels: Level[] = [];
  for (const layer of layered ? orderLayers(items) : ['']) {
    const within = items.filter((item) => item.layer === layer);
    const depth = depths(within.map((item) => item.id), (id) => needsOf.get(id) ?? []);
    for (let d = Math.max(0, ...depth.values()); d >= 0; d--) {
      const ids = within.filter((item) => depth.get(item.id) === d).map((item) => item.id);
      if (ids.length > 0) levels.push({ layer, ids });
    }
  }
  return levels;
}

function neighboursOf(edges: readonly Edge[]): Map<string, string[]> {
  const beside = new Map<string, string[]>();
  const add = (a: string, b: string) => beside.set(a, [...(beside.get(a) ?? []), b]);
  for (const edge of edges) {
    const way = [edge.from, ...edge.through, edge.to];
    for (let i = 1; i < way.length; i++) {
      add(way[i - 1]!, way[i]!);
      add(way[i]!, way[i - 1]!);
    }
  }
  return beside;
}

/** Orders each level by where its neighbours on the others stand, to and fro, so that fewer lines cross. */
function untangle(levels: Level[], neighbours: ReadonlyMap<string, readonly string[]>): void {
  const place = new Map<string, number>();
  const put = (level: Level) => level.ids.forEach((id, i) => place.set(id, (i + 0.5) / level.ids.length));
  levels.forEach(put);
  for (let sweep = 0; sweep < 8; sweep++) {
    for (const level of sweep % 2 === 0 ? [...levels].reverse() : levels) {
      const own = new Set(level.ids);
      const want = new Map(level.ids.map((id) => {
        const others = (neighbours.get(id) ?? []).filter((other) => place.has(other) && !own.has(other));
        const mean = others.reduce((sum, other) => sum + place.get(other)!, 0) / others.length;
        return [id, others.length > 0 ? mean : place.get(id)!];
      }));
      level.ids.sort((a, b) => want.get(a)! - want.get(b)! || compare(a, b));
      put(level);
    }
  }
}

/** Cuts levels that are far wider than the map is high. */
function wrap(levels: Level[], n: number): Level[] {
  const most = Math.max(7, Math.ceil(0.9 * Math.sqrt(n)));
  return levels.flatMap(({ layer, ids }) => {
    const parts = Math.ceil(ids.length / most);
    const each = Math.ceil(ids.length / parts);
    return Array.from({ length: parts }, (_, i) => ({ layer, ids: ids.slice(i * each, (i + 1) * each) }));
  });
}

/** Makes room between boxes for every line that goes past a level. */
function route(levels: Level[], edges: Edge[]): void {
  const levelOf = new Map(levels.flatMap((level, l) => level.ids.map((id) => [id, l] as const)));
  edges.forEach((edge, e) => {
    const [from, to] = [levelOf.get(edge.from)!, levelOf.get(edge.to)!];
    const step = Math.sign(to - from);
    for (let l = from + step; l !== to && step !== 0; l += step) {
      const id = `\n${e} ${l}`; // no name of a service
      levels[l]!.ids.push(id);
      edge.through.push(id);
    }
  });
}

/** The middles of all boxes: as near as may be above and below their neighbours, in order and not touching. */
function align(levels: readonly Level[], neighbours: ReadonlyMap<string, readonly string[]>, width: (id: string) => number): Map<string, number> {
  const middle = new Map<string, number>();
  for (const { ids } of levels) {
    let x = -ids.reduce((sum, id) => sum + width(id) + size.gap, 0) / 2;
    for (const id of ids) {
      middle.set(id, x + width(id) / 2);
      x += width(id) + size.gap;
    }
  }
  for (let sweep = 0; sweep < 12; sweep++) {
    for (const { ids } of sweep % 2 === 0 ? levels : [...levels].reverse()) {
      const own = new Set(ids);
      let offset = 0;
      const offsets = ids.map((id, i) => (offset += i === 0 ? 0 : (width(ids[i - 1]!) + width(id)) / 2 + size.gap));
      const wanted = ids.map((id, i) => {
        const others = (neighbours.get(id) ?? []).filter((other) => !own.has(other));
        const mean = others.length > 0 ? others.reduce((sum, other) => sum + middle.get(other)!, 0) / others.length : middle.get(id)!;
        return mean - offsets[i]!;
      });
      rising(wanted).forEach((x, i) => middle.set(ids[i]!, x + offsets[i]!));
    }
  }
  return middle;
}

/** The numbers that never fall and are nearest to these, by least squares. */
export function rising(wanted: readonly number[]): number[] {
  const pools: { sum: number; n: number }[] = [];
  for (const value of wanted) {
    let pool = { sum: value, n: 1 };
    for (let last = pools.at(-1); last && last.sum / last.n > pool.sum / pool.n; last = pools.at(-1)) {
      pools.pop();
      pool = { sum: pool.sum + last.sum, n: pool.n + last.n };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, n }) => Array.from({ length: n }, () => sum / n));
}

interface Point {
  x: number;
  top: number;
  bottom: number;
  level: number;
}

/** From the foot of who needs to the head of what is needed; on one level below both, and upwards where that stands above. */
function draw(points: Point[]): string {
  const [first, last] = [points[0]!, points.at(-1)!];
  const n = (x: number) => Math.round(10 * x) / 10;
  if (first.level === last.level) {
    const dip = 20 + Math.min(18, Math.abs(first.x - last.x) / 40);
    return `M${n(first.x)} ${first.bottom}C${n(first.x)} ${first.bottom + dip} ${n(last.x)} ${last.bottom + dip} ${n(last.x)} ${last.bottom}`;
  }
  const down = last.level > first.level;
  let path = `M${n(first.x)} ${down ? first.bottom : first.top}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!];
    const [y1, y2] = down ? [a.bottom, b.top] : [a.top, b.bottom];
    const bend = (y2 - y1) / 2;
    path += `C${n(a.x)} ${n(y1 + bend)} ${n(b.x)} ${n(y2 - bend)} ${n(b.x)} ${y2}`;
    if (i < points.length - 1) path += `V${down ? b.bottom : b.top}`;
  }
  return path;
}

/** How often lines between the same two levels cross; what the order on the levels is to keep low. */
export function crossings(layout: Layout): number {
  const ends = layout.lines.map(({ from, to }) => [layout.boxes.get(from)!, layout.boxes.get(to)!] as const);
  let n = 0;
  for (let i = 0; i < ends.length; i++) {
    for (let j = i + 1; j < ends.length; j++) {
      const [[a, b], [c, d]] = [ends[i]!, ends[j]!];
      if (a.level === c.level && b.level === d.level && (a.x - c.x) * (b.x - d.x) < 0) n++;
    }
  }
  return n;
}
