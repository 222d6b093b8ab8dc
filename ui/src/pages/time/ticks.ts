export interface Range {
  name: string;
  words: string;
  ms: number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

export const ranges: Range[] = [
  { name: '15m', words: '15 minutes', ms: 15 * minute },
  { name: '1h', words: '1 hour', ms: hour },
  { name: '6h', words: '6 hours', ms: 6 * hour },
  { name: '24h', words: '24 hours', ms: day },
  { name: '7d', words: '7 days', ms: 7 * day },
  { name: '30d', words: '30 days', ms: 30 * day },
];

/** The time that the bar shows: up to now, or around the moment where that is longer ago. */
export function windowOf(now: number, at: number | null, ms: number): { from: number; to: number } {
  if (at === null || at >= now - ms) return { from: now - ms, to: now };
  const to = Math.min(now, at + ms / 2);
  return { from: to - ms, to };
}

const steps = [1, 2, 5, 10, 15, 30].map((m) => m * minute).concat([1, 2, 3, 6, 12].map((h) => h * hour), [1, 2, 5].map((d) => d * day));

/** Round local times within a window, about so many. */
export function ticks(from: number, to: number, about: number): { at: number; midnight: boolean }[] {
  const step = steps.find((s) => (to - from) / s <= about) ?? 10 * day;
  const all: { at: number; midnight: boolean }[] = [];
  const first = new Date(from);
  first.setHours(0, 0, 0, 0);
  if (step >= day) {
    for (const d = first; d.getTime() <= to; d.setDate(d.getDate() + step / day)) {
      if (d.getTime() >= from) all.push({ at: d.getTime(), midnight: true });
    }
    return all;
  }
  for (let at = first.getTime(); at <= to; at += step) {
    if (at < from) continue;
    const d = new Date(at);
    all.push({ at, midnight: d.getHours() === 0 && d.getMinutes() === 0 });
  }
  return all;
}

/** How far an arrow key goes: a hundredth of the window, in whole seconds that are easily said. */
export function stride(ms: number): number {
  const rounds = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600];
  return 1_000 * (rounds.find((s) => s * 1_000 >= ms / 100) ?? 43_200);
}
