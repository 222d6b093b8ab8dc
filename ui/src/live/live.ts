import { computed, effect, signal } from '@preact/signals';

import { api, ApiError } from '../api';
import { moment } from '../route';
import type { Entry, Role, Session } from '../wire';
import { AlertBook } from './alerts';
import { Board, View } from './board';
import { incidentsOf } from './incidents';
import { PastBoard } from './past';
import { Stream } from './socket';

// What all pages share: who is here, the live board, and the board as it was.

export const board = new Board();

/** The alerts that fire now. */
export const alerts = new AlertBook((cursor, signal) => api.alerts({ status: 'firing', limit: 500, cursor }, signal));

/** What they are parts of: what matters most comes first. */
export const incidents = computed(() => incidentsOf(alerts.firing.value));

/** Who is logged in; null: nobody; undefined: not known yet. */
export const session = signal<Session | null | undefined>(undefined);

const rank: Record<Role, number> = { agent: 0, viewer: 1, operator: 2, admin: 3 };

/** Whether the present role may do what needs that one. */
export const may = (role: Role): boolean => rank[session.value?.role ?? 'agent'] >= rank[role];

/** In development the page of made-up states feeds the board itself. */
export const staged: boolean = import.meta.env.DEV && location.pathname.startsWith('/storybook');

/** Whether a log-in that was there has ended by itself. */
export const loginEnded = signal(false);

const stream = new Stream({
  open: (query) => new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/v2/ws/circuit-breaker${query}`),
  take: (message) => {
    board.take(message);
    alerts.take(message);
  },
  lost: (ended) => {
    board.lost(ended);
    void identify().then(() => {
      // Ended, and yet somebody is logged in: in another tab, perhaps.
      if (ended && session.peek()) setTimeout(() => session.peek() && stream.start(), 1_000);
    });
  },
});

/** Asks who is logged in; a refused handshake tells a page nothing, so it is asked after each lost stream. */
export async function identify(): Promise<void> {
  if (staged) return;
  for (;;) {
    try {
      session.value = await api.session();
      return;
    } catch (err) {
      if (err instanceof ApiError && err.status === 401) {
        loginEnded.value = session.peek() !== null && session.peek() !== undefined;
        session.value = null;
        return;
      }
      // Whoever is not known to be somebody waits for the answer.
      if (session.peek() && board.connection.peek() !== 'ended') return;
    }
    await new Promise((later) => setTimeout(later, 2_000));
  }
}

export async function logIn(secret: { token: string } | { code: string }): Promise<void> {
  const opened = await api.logIn(secret);
  loginEnded.value = false;
  session.value = opened;
}

export async function logOut(): Promise<void> {
  await api.logOut();
  loginEnded.value = false;
  session.value = null;
}

const identity = computed(() => (session.value ? JSON.stringify([session.value.name, session.value.role, session.value.services]) : ''));

effect(() => {
  const somebody = identity.value !== '';
  stream.stop();
  board.clear();
  alerts.clear();
  if (somebody && !staged) stream.start();
});

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible') return;
  now.value = board.now();
  stream.wake();
});
window.addEventListener('online', () => stream.wake());
window.addEventListener('pageshow', () => stream.wake());

/** Now by the manager's clock, in milliseconds; it moves once a second. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = board.now();
}, 1_000);

const pastBoard = new PastBoard(
  async (at, signal) => (await api.stateAt(new Date(at).toISOString(), signal)).services,
  () => board.now(),
);

/** The board as it was at the moment of the URL; until it is there, the one before it. Null: the present is shown. */
export const past = pastBoard.shown;

effect(() => {
  if (identity.value === '') pastBoard.clear();
  else {
    board.connection.value; // what could not be had is asked for again when the manager is back
    pastBoard.want(moment.value, board.entries);
  }
});

/**
 * The entries that pages show: the live ones, or those of the moment that is
 * looked at. Whoever reads it is drawn again when they change; `shape` is for
 * who cares only for which there are and in what order.
 */
export const entries = computed<ReadonlyMap<string, Entry>>(() => {
  if (moment.value !== null) return past.value?.entries ?? new Map();
  board.version.value;
  return new View(board.entries);
});

export const shape = computed<number>(() => (moment.value !== null ? -(past.value?.at ?? 1) : board.shape.value));

/** The time that is shown: the moment that is looked at, or now. */
export const shownAt = computed<number>(() => moment.value ?? now.value);

/** Until when there are counts: the time that is shown, and while nothing is heard, when something last was. */
export const countedAt = computed<number>(() => moment.value ?? (board.connection.value === 'live' ? now.value : board.heardAt.value || now.value));

/** Since when a service has the status that it has, as far as this page has seen it begin; 0: it has not. */
export const turnedAt = (service: string): number => (moment.peek() === null ? board.turnedAt(service) : 0);
