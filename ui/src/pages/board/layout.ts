import type { Group } from './order';

export const densities = ['comfortable', 'compact', 'list'] as const;
export type Density = (typeof densities)[number];

/** Sizes in CSS pixels. The style sheet has the same heights. */
export const sizes: Record<Density, { least: number; height: number; gap: number }> = {
  comfortable: { least: 272, height: 164, gap: 12 },
  compact: { least: 200, height: 68, gap: 8 },
  list: { least: Infinity, height: 40, gap: 0 },
};

export const headHeight = 40;

export type Line =
  | { y: number; height: number; group: Group; names?: undefined }
  | { y: number; height: number; names: string[]; group?: undefined };

export interface Layout {
  lines: Line[];
  columns: number;
  /** How wide a tile is. */
  width: number;
  height: number;
  /** Where a service is. */
  at: Map<string, { line: number; column: number }>;
}

/** Where everything stands on a board of that width. */
export function lay(groups: Group[], density: Density, boardWidth: number): Layout {
  const { least, height, gap } = sizes[density];
  const columns = least === Infinity ? 1 : Math.max(1, Math.floor((boardWidth + gap) / (least + gap)));
  const lines: Line[] = [];
  const at: Layout['at'] = new Map();
  let y = 0;
  for (const group of groups) {
    if (group.key !== '' || group.title !== '') {
      lines.push({ y, height: headHeight, group });
      y += headHeight;
    }
    for (let i = 0; i < group.names.length; i += columns) {
      const names = group.names.slice(i, i + columns);
      names.forEach((name, column) => at.set(name, { line: lines.length, column }));
      lines.push({ y, height, names });
      y += height + gap;
    }
  }
  return { lines, columns, width: (boardWidth - (columns - 1) * gap) / columns, height: y, at };
}

/** The lines that touch the pixels from top to bottom: [first, last). */
export function visible(lines: Line[], top: number, bottom: number): [number, number] {
  const first = Math.max(0, after(lines, top) - 1);
  return [first, Math.min(lines.length, Math.max(first, after(lines, bottom)))];
}

/** The first line that begins below y. */
function after(lines: Line[], y: number): number {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.y > y) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The service that an arrow key leads to; the same one at an edge. */
export function step(layout: Layout, from: string, key: string): string {
  const place = layout.at.get(from);
  if (!place) return layout.lines.find((line) => line.names)?.names?.[0] ?? '';
  const { line, column } = place;
  const names = layout.lines[line]!.names!;
  const across = (n: number): string | undefined => {
    for (let i = line + n; i >= 0 && i < layout.lines.length; i += n) {
      const other = layout.lines[i]!.names;
      if (other) return other[Math.min(column, other.length - 1)];
    }
    return undefined;
  };
  const along = (n: number): string | undefined => {
    if (names[column + n]) return names[column + n];
    for (let i = line + n; i >= 0 && i < layout.lines.length; i += n) {
      const other = layout.lines[i]!.names;
      if (other) return n > 0 ? other[0] : other.at(-1);
    }
    return undefined;
  };
  const last = layout.lines.at(-1)?.names;
  switch (key) {
    case 'ArrowDown':
      return across(1) ?? from;
    case 'ArrowUp':
      return across(-1) ?? from;
    case 'ArrowRight':
      return along(1) ?? from;
    case 'ArrowLeft':
      return along(-1) ?? from;
    case 'Home':
      return layout.lines.find((l) => l.names)?.names?.[0] ?? from;
    case 'End':
      return last?.at(-1) ?? from;
    default:
      return from;
  }
}
