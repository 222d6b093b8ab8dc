import type { CircuitState, Mode, ServiceEvent } from '../../wire';
import type { Stretch } from './ranges';

/** How the circuit stood: its mode where that is not auto, else its state; gap: no manager ran. */
export type Standing = CircuitState | Exclude<Mode, 'auto'> | 'gap';

export interface Band extends Stretch {
  kind: Standing;
}

export interface Known {
  /** Oldest first or newest first, of one service. */
  events: readonly ServiceEvent[];
  /** From when on the events are all there. */
  from: number;
  /** How the circuit stands after all of the events, where that is known. */
  end: { state: CircuitState; mode: Mode } | null;
  /** When the config turned the breaker on or off. */
  enabled: readonly { at: number; enabled: boolean }[];
  gaps: readonly Stretch[];
  /** What the series say of the time before the events: the state at the start of each step. */
  steps: readonly { at: number; standing: Standing }[];
}

interface Change {
  at: number;
  from?: string | null;
  state?: CircuitState;
  mode?: Mode;
  enabled?: boolean;
}

const changesState = (e: ServiceEvent) => e.kind === 'transition';
const changesMode = (e: ServiceEvent) => e.kind === 'override' || e.kind === 'override_expired';

/** The bands of a stretch, one after the other; where nothing is known there is none. */
export function bands(view: Stretch, known: Known): Band[] {
  const since = Math.max(view.from, known.from);
  const out: Band[] = [];
  for (const step of known.steps) {
    if (step.at >= since) break;
    add(out, Math.max(step.at, view.from), step.standing);
  }
  if (since < view.to) fromEvents(since, view, known, out);
  const all = close(out, view.to);
  return known.gaps.reduce(cut, all);
}

function fromEvents(since: number, view: Stretch, known: Known, out: Band[]): void {
  const changes = changesOf(known);
  const before = changes.filter((c) => c.at <= since);
  const within = changes.filter((c) => c.at > since && c.at < view.to);
  const later = changes.filter((c) => c.at > since);
  // As the last change before left it, else as the first one after found it, else as it is at the end.
  const at = <K extends 'state' | 'mode' | 'enabled'>(key: K) => before.findLast((c) => c[key] !== undefined)?.[key];
  const found = (key: 'state' | 'mode') => later.find((c) => c[key] !== undefined)?.from;
  const turned = later.find((c) => c.enabled !== undefined);
  let state = at('state') ?? (found('state') as CircuitState | undefined) ?? known.end?.state ?? null;
  let mode = at('mode') ?? (found('mode') as Mode | undefined) ?? known.end?.mode ?? 'auto';
  let enabled = at('enabled') ?? (turned ? !turned.enabled : known.end?.mode !== 'disabled');
  if (mode === 'disabled') mode = 'auto';
  const standing = (): Standing | null => (mode !== 'auto' ? (mode as Standing) : !enabled ? 'disabled' : state);
  const say = (at: number) => {
    const now = standing();
    if (now) add(out, at, now);
  };
  say(since);
  let last = since;
  for (const c of within) {
    if (c.state && c.from && state && c.from !== state) {
      // The manager came back with another state than it went with.
      const gap = known.gaps.find((g) => g.to > last && g.to <= c.at);
      state = c.from as CircuitState;
      if (gap) say(gap.to);
    }
    if (c.state) state = c.state;
    if (c.mode) mode = c.mode === 'disabled' ? 'auto' : c.mode;
    if (c.enabled !== undefined) enabled = c.enabled;
    say(c.at);
    last = c.at;
  }
}

function changesOf({ events, enabled }: Known): Change[] {
  const out: Change[] = [];
  for (const e of events) {
    const at = Date.parse(e.at);
    if (changesState(e)) out.push({ at, from: e.from, state: e.to as CircuitState });
    else if (changesMode(e)) out.push({ at, from: e.from, mode: e.to as Mode });
  }
  out.push(...enabled);
  // Of one moment the events of one kind follow each other as they came: newest first comes reversed.
  const newestFirst = events.length > 1 && events[0]!.seq > events.at(-1)!.seq;
  if (newestFirst) out.reverse();
  return out.sort((a, b) => a.at - b.at);
}

function add(out: Band[], at: number, kind: Standing): void {
  const last = out.at(-1);
  if (last?.kind === kind) return;
  if (last && last.from === at) out.pop();
  if (out.at(-1)?.kind === kind) return;
  out.push({ from: at, to: Infinity, kind });
}

const close = (list: Band[], end: number): Band[] =>
  list.map((b, i) => ({ ...b, to: list[i + 1]?.from ?? end })).filter((b) => b.to > b.from);

/** Puts a gap over the bands. */
function cut(list: Band[], gap: Stretch): Band[] {
  const out: Band[] = [];
  for (const b of list) {
    if (b.to <= gap.from || b.from >= gap.to) {
      out.push(b);
      continue;
    }
    if (b.from < gap.from) out.push({ ...b, to: gap.from });
    if (b.to > gap.to) out.push({ ...b, from: gap.to });
  }
  out.push({ ...gap, kind: 'gap' });
  return out.sort((a, b) => a.from - b.from);
}

export const standingWords: Record<Standing, string> = {
  closed: 'closed', open: 'open', half_open: 'half-open', forced_open: 'forced open', forced_closed: 'forced closed',
  disabled: 'disabled', gap: 'no manager ran',
};

/** For how many milliseconds the bands of a kind last. */
export const lasting = (list: readonly Band[], kind: Standing): number =>
  list.reduce((sum, b) => sum + (b.kind === kind ? b.to - b.from : 0), 0);
