// What stretch of time the charts show, and how finely.

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

export const ranges: { name: string; ms: number; words: string }[] = [
  { name: '5m', ms: 5 * minute, words: '5 minutes' },
  { name: '15m', ms: 15 * minute, words: '15 minutes' },
  { name: '1h', ms: hour, words: '1 hour' },
  { name: '6h', ms: 6 * hour, words: '6 hours' },
  { name: '24h', ms: 24 * hour, words: '24 hours' },
  { name: '7d', ms: 7 * 24 * hour, words: '7 days' },
  { name: '30d', ms: 30 * 24 * hour, words: '30 days' },
];

export const usualRange = '15m';

export const rangeOf = (name: string) => ranges.find((r) => r.name === name) ?? ranges.find((r) => r.name === usualRange)!;

/** A stretch of time, in milliseconds since 1970. */
export interface Stretch {
  from: number;
  to: number;
}

/** What the charts show; one that is live ends now and moves on. */
export interface View extends Stretch {
  live: boolean;
}

// Each is a multiple of what is kept that is finer than it.
const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600].map((s) => s * second);

// What the manager keeps, the finest first, and for how long.
const kept = [
  { step: second, ms: 15 * minute },
  { step: 10 * second, ms: 6 * hour },
  { step: minute, ms: 31 * 24 * hour },
];

const mostPoints = 360;
const leeway = 5 * second; // the start of a range that is kept to the second is just about gone

/** The step that gives a readable number of points and is still kept at the start of the stretch. */
export function stepFor({ from, to }: Stretch, now: number): number {
  const finest = kept.find((tier) => now - from <= tier.ms + leeway)?.step ?? minute;
  return steps.find((s) => s >= finest && (to - from) / s <= mostPoints) ?? steps.at(-1)!;
}

/** The Go duration of a step. */
export const goDuration = (ms: number): string => `${ms / second}s`;

/** The milliseconds of a Go duration of hours, minutes and seconds: 1m0s; NaN for what is none. */
export function fromGoDuration(text: string): number {
  const m = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  return m && text !== '' ? Number(m[1] ?? 0) * hour + Number(m[2] ?? 0) * minute + Number(m[3] ?? 0) * second : NaN;
}

export const shortest = 10 * second;

/**
 * The stretch to show. A zoom stands; else it is the range before now, or, for
 * whoever looks at the past, around that moment: where it stood before if the
 * moment is well within, so that stepping through the past moves no charts.
 */
export function viewOf(
  { zoom, range, moment, now, before }: { zoom: Stretch | null; range: number; moment: number | null; now: number; before?: Stretch | null },
): View {
  if (zoom) return { ...zoom, live: false };
  if (moment === null) return { from: now - range, to: now, live: true };
  if (before && before.to - before.from === range && moment >= before.from + range / 10 && moment <= before.to) {
    return { ...before, live: false };
  }
  const to = Math.min(now, moment + range / 4);
  return { from: to - range, to, live: false };
}

/** The zoom that two parameters of the URL say; null where they say none. */
export function zoomOf(from: string, to: string): Stretch | null {
  const zoom = { from: Date.parse(from), to: Date.parse(to) };
  return Number.isNaN(zoom.from) || Number.isNaN(zoom.to) || zoom.to <= zoom.from ? null : zoom;
}

/** Zooms by a factor around the middle (above 1: out), not below ten seconds nor beyond what is kept. */
export function zoomBy({ from, to }: Stretch, factor: number, now: number): Stretch {
  const width = Math.min(Math.max((to - from) * factor, shortest), 30 * 24 * hour);
  const end = Math.min(now, (from + to) / 2 + width / 2);
  return { from: Math.round(end - width), to: Math.round(end) };
}

/** Moves by a share of its width (below 0: to the past), not beyond now. */
export function panBy({ from, to }: Stretch, share: number, now: number): Stretch {
  const width = to - from;
  const end = Math.min(now, to + share * width);
  return { from: Math.round(end - width), to: Math.round(end) };
}
