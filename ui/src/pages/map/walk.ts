import type { Box, Layout } from './layout';

/**
 * The box that an arrow key leads to: left and right on the level, down to what
 * the service needs, up to who needs it, and where there is no such line to the
 * nearest box there.
 */
export function walk(layout: Layout, from: string, key: string): string | null {
  const here = layout.boxes.get(from);
  if (!here) return null;
  const all = [...layout.boxes.values()];
  if (key === 'Home' || key === 'End') {
    const level = key === 'Home' ? 0 : Math.max(...all.map((box) => box.level));
    return all.find((box) => box.level === level && box.place === 0)?.id ?? null;
  }
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    const place = here.place + (key === 'ArrowLeft' ? -1 : 1);
    return all.find((box) => box.level === here.level && box.place === place)?.id ?? null;
  }
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return null;
  const down = key === 'ArrowDown';
  const ahead = (box: Box) => (down ? box.level > here.level : box.level < here.level);
  const linked = layout.lines
    .filter((line) => (down ? line.from : line.to) === from)
    .map((line) => layout.boxes.get(down ? line.to : line.from)!)
    .filter(ahead);
  return nearest(here, linked) ?? nearest(here, all.filter(ahead));
}

function nearest(here: Box, boxes: Box[]): string | null {
  const away = (box: Box) => 100_000 * Math.abs(box.level - here.level) + Math.abs(box.x - here.x);
  return boxes.reduce<Box | null>((best, box) => (best === null || away(box) < away(best) ? box : best), null)?.id ?? null;
}
