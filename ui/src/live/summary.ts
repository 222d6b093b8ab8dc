import { effect, signal } from '@preact/signals';

import { whatIsWrong, type Wrong } from '../pages/board/wrong';
import type { Entry, Status } from '../wire';
import { moment } from '../route';
import { entries, shape } from './live';

/** The fleet in a few numbers. */
export interface Summary {
  total: number;
  counts: Record<Status, number>;
  layers: string[];
  wrong: Wrong[];
}

export function summarise(all: ReadonlyMap<string, Entry>): Summary {
  const counts: Summary['counts'] = { circuit_open: 0, unhealthy: 0, degraded: 0, unknown: 0, healthy: 0 };
  const layers = new Set<string>();
  for (const entry of all.values()) {
    counts[entry.status]++;
    layers.add(entry.layer);
  }
  return { total: all.size, counts, layers: [...layers].sort(), wrong: whatIsWrong(all) };
}

/** It follows `shape`, but in a storm of changes only a few times a second. */
export const summary = signal<Summary>(summarise(new Map()));

let timer: ReturnType<typeof setTimeout> | undefined;
let doneAt = 0;

effect(() => {
  shape.value;
  moment.value;
  const pace = entries.peek().size > 1_000 ? 400 : 60;
  timer ??= setTimeout(() => {
    timer = undefined;
    doneAt = Date.now();
    summary.value = summarise(entries.peek());
  }, Math.max(0, doneAt + pace - Date.now()));
});
