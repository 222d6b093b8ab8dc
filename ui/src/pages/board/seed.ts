import { signal } from '@preact/signals';

import { api } from '../../api';
import { board, session } from '../../live/live';
import { Ring } from '../../live/ring';
import { moment } from '../../route';
import type { Point } from '../../wire';

// The little charts show five minutes. What was before the page was opened is
// asked for when a service is first seen, many of them at once; where the
// manager does not answer, they grow from what the stream tells.

const span = 5 * 60_000 + 12_000;
const most = { names: 200, letters: 6_000 };

let rings = new Map<string, Ring>(); // of the moment that is looked at
let ringsAt: number | null = null;
const waiting = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;
let quietUntil = 0;

/** Rises when an answer came. */
export const seeds = signal(0);

/** The counts of a service before the time that is shown. */
export function ringOf(service: string): Ring {
  const at = moment.peek();
  if (at === null) return board.ring(service);
  if (at !== ringsAt) [rings, ringsAt] = [new Map(), at];
  let ring = rings.get(service);
  if (!ring) rings.set(service, (ring = new Ring()));
  return ring;
}

/** Says which services can be seen. */
export function seen(services: string[]): void {
  if (Date.now() < quietUntil) return;
  waiting.clear();
  for (const service of services) if (!ringOf(service).seeded) waiting.add(service);
  if (waiting.size > 0 && timer === undefined) timer = setTimeout(() => void ask(), 150);
}

async function ask(): Promise<void> {
  if (!session.peek()) {
    waiting.clear();
    timer = undefined;
    return;
  }
  const names: string[] = [];
  let letters = 0;
  for (const name of waiting) {
    letters += name.length + 1;
    if (names.length >= most.names || letters > most.letters) break;
    names.push(name);
    waiting.delete(name);
  }
  const at = moment.peek();
  const to = at ?? board.now();
  const asked = names.map((name) => ({ name, ring: ringOf(name) }));
  try {
    const answer = await api.seriesOf(names, { from: new Date(to - span).toISOString(), to: new Date(to).toISOString(), step: '10s' });
    const points = new Map(answer.series.map((series) => [series.service, series.points]));
    for (const { name, ring } of asked) ring.prepend(bars(points.get(name) ?? []), 10_000);
    seeds.value++;
  } catch {
    quietUntil = Date.now() + 30_000;
    for (const { ring } of asked) ring.giveUp();
  }
  timer = waiting.size > 0 ? setTimeout(() => void ask(), 50) : undefined;
}

const bars = (points: Point[]) => points.map((p) => ({ at: Date.parse(p.at), successful: p.successful, failed: p.failed, rejected: p.rejected }));
