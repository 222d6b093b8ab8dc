import { effect, signal, untracked } from '@preact/signals';

import { board, countedAt, entries, now } from '../../live/live';
import { summary } from '../../live/summary';
import { errorShare } from './figures';
import { arrange, differing, moves, rankOf, type Facts, type Group, type Sort } from './order';
import { ringOf } from './seed';
import { wanted } from './view';

// The order in which the tiles stand. While somebody points at the tiles or
// moves through them it stays, so that nothing jumps away under the pointer;
// what would have moved is counted.

const calmAfter = 15_000; // a pointer that only lies there holds nothing

export const groups = signal<Group[]>([]);

/** How many services stand elsewhere than they should; -1: some, as the order follows numbers. */
export const overdue = signal(0);

let heldUntil = 0;
let shownFor: unknown = null;
let ranks: ReadonlyMap<string, number> = new Map();
let sortedAt = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Somebody is busy among the tiles. */
export function hold(): void {
  heldUntil = Date.now() + calmAfter;
}

/** Nobody is any more. */
export function release(): void {
  if (heldUntil === 0) return;
  heldUntil = 0;
  if (overdue.peek() !== 0) resort();
}

/** Puts every tile where it belongs. */
export function resort(): void {
  clearTimeout(timer);
  timer = undefined;
  sortedAt = Date.now();
  const view = wanted.peek();
  const all = entries.peek();
  groups.value = arrange(all, view, facts(view.sort));
  ranks = ranksOf(groups.peek(), view.sort);
  overdue.value = 0;
}

function facts(sort: Sort): Facts {
  const roots = rootsNow();
  const at = untracked(() => countedAt.value);
  return {
    rate: (service) => ringOf(service).rate(at, 10).operations,
    errors: (service) => (sort === 'errors' ? (errorShare(ringOf(service), at) ?? -1) : 0),
    changedAt: (service) => board.changedAt(service),
    root: (service) => roots.has(service),
  };
}

const rootsNow = () => new Set(summary.peek().wrong.map((w) => w.service));

function ranksOf(list: Group[], sort: Sort): Map<string, number> {
  const roots = rootsNow();
  const all = entries.peek();
  const out = new Map<string, number>();
  list.forEach((group, g) => {
    for (const name of group.names) {
      const entry = all.get(name);
      out.set(name, g * 100 + (sort === 'worst' && entry ? rankOf(entry, roots.has(name)) : 0));
    }
  });
  return out;
}

/** Looks whether the order is still right, and mends it if it may. */
function review(): void {
  timer = undefined;
  if (Date.now() >= heldUntil) {
    resort();
    return;
  }
  const view = wanted.peek();
  const due = ranksOf(arrange(entries.peek(), view, facts(view.sort)), view.sort);
  sortedAt = Date.now();
  const n = differing(ranks, due);
  overdue.value = n > 0 ? n : moves(view.sort) || view.sort === 'changed' ? -1 : 0;
}

const pace = (): number => (entries.peek().size > 1_000 ? 500 : 50);

/** Keeps the order while a board is on the page. */
export function follow(): () => void {
  const stopLooking = effect(() => {
    if (wanted.value !== shownFor) {
      shownFor = wanted.value;
      untracked(resort);
    }
  });
  const stopChanges = effect(() => {
    summary.value; // it follows `shape`, and knows the roots
    timer ??= setTimeout(review, Math.max(0, sortedAt + pace() - Date.now()));
  });
  const stopTime = effect(() => {
    now.value;
    untracked(() => {
      if (moves(wanted.value.sort) || (overdue.value !== 0 && Date.now() >= heldUntil)) timer ??= setTimeout(review, 0);
    });
  });
  return () => {
    stopLooking();
    stopChanges();
    stopTime();
    clearTimeout(timer);
    timer = undefined;
    shownFor = null;
  };
}
