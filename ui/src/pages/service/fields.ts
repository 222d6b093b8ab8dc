import type { Config } from '../../wire';
import { duration, share } from '../../format';

// The settings of a breaker: what they mean, their ranges, and how they are
// read from and written to a form.

export type Kind = 'flag' | 'count' | 'ms' | 'share' | 'factor' | 'shares';

export interface Field {
  name: string;
  group: 'General' | 'Opening' | 'While open' | 'Recovery' | 'Health check';
  kind: Kind;
  /** The default where it is the same for all; derived ones hang on others. */
  usual: unknown;
  derived?: (config: Config) => number;
  derivedWords?: string;
  low: number;
  high: number;
  /** 0 turns it off. */
  off?: boolean;
  meaning: string;
}

const day = 86_400_000;

const value = (config: Config, name: string): number => {
  const v = config[name];
  return typeof v === 'number' ? v : Number(fieldOf(name)?.usual ?? 0);
};

export const fields: Field[] = [
  { name: 'enabled', group: 'General', kind: 'flag', usual: true, low: 0, high: 1, meaning: 'When off, everything is let in and counted, and the circuit never opens.' },
  { name: 'failureThreshold', group: 'Opening', kind: 'count', usual: 5, low: 1, high: 1_000_000, meaning: 'So many failures within the window open the circuit.' },
  { name: 'monitoringWindowMs', group: 'Opening', kind: 'ms', usual: 300_000, low: 100, high: day, meaning: 'The window in which failures count.' },
  { name: 'failureRateThreshold', group: 'Opening', kind: 'share', usual: 0, low: 0, high: 1, off: true, meaning: 'If set, the circuit opens only if at least this share of the operations in the window failed.' },
  { name: 'minimumOperations', group: 'Opening', kind: 'count', usual: 1, low: 1, high: 1_000_000, meaning: 'So many operations must be in the window before a share is judged.' },
  { name: 'consecutiveFailureThreshold', group: 'Opening', kind: 'count', usual: 0, low: 0, high: 1_000_000, off: true, meaning: 'So many failures in a row open the circuit too.' },
  { name: 'slowCallDurationMs', group: 'Opening', kind: 'ms', usual: 0, low: 0, high: day, off: true, meaning: 'An operation that takes this long is slow.' },
  { name: 'slowCallRateThreshold', group: 'Opening', kind: 'share', usual: 0, low: 0, high: 1, off: true, meaning: 'This share of slow operations opens the circuit too.' },
  { name: 'resetTimeoutMs', group: 'While open', kind: 'ms', usual: 60_000, low: 1, high: day, meaning: 'How long the circuit stays open before the first recovery attempt.' },
  { name: 'backoffMultiplier', group: 'While open', kind: 'factor', usual: 2, low: 1, high: 10, meaning: 'Each recovery that fails makes the next open time so many times as long …' },
  {
    name: 'maxResetTimeoutMs', group: 'While open', kind: 'ms', usual: null, low: 1, high: day, meaning: '… up to this.',
    derived: (c) => Math.max(value(c, 'resetTimeoutMs'), value(c, 'monitoringWindowMs')), derivedWords: 'the longer of resetTimeoutMs and monitoringWindowMs',
  },
  { name: 'jitter', group: 'While open', kind: 'share', usual: 0.1, low: 0, high: 1, meaning: 'The open time is made longer by up to this share, by chance.' },
  { name: 'minHealthyPeriodMs', group: 'Recovery', kind: 'ms', usual: 120_000, low: 0, high: day, meaning: 'How long a recovery must stay healthy before the circuit closes. 0: it closes on the first success.' },
  { name: 'recoverySteps', group: 'Recovery', kind: 'shares', usual: [0.05, 0.2, 0.5], low: 0, high: 1, meaning: 'Shares of the traffic let in during a recovery, in equal parts of the healthy period. 0 to 10 rising shares.' },
  { name: 'halfOpenFailureThreshold', group: 'Recovery', kind: 'count', usual: 1, low: 1, high: 1_000, meaning: 'So many failures during a recovery open the circuit again.' },
  {
    name: 'probeTimeoutMs', group: 'Recovery', kind: 'ms', usual: null, low: 1, high: day, meaning: 'An operation of a recovery that takes longer is a failure of it.',
    derived: (c) => value(c, 'resetTimeoutMs'), derivedWords: 'resetTimeoutMs',
  },
  { name: 'healthCheckIntervalMs', group: 'Health check', kind: 'ms', usual: 30_000, low: 0, high: day, meaning: 'How often health is checked. 0: only on demand and at the start of a recovery.' },
];

export const groups = [...new Set(fields.map((f) => f.group))];

export const fieldOf = (name: string): Field | undefined => fields.find((f) => f.name === name);

/** The default of a field in a config. */
export const usualOf = (field: Field, config: Config): unknown => (field.derived ? field.derived(config) : field.usual);

export const isUsual = (field: Field, config: Config): boolean => {
  const v = config[field.name] ?? null;
  return v === null || same(v, usualOf(field, config));
};

const grouped = new Intl.NumberFormat('en', { useGrouping: true, maximumFractionDigits: 6 });

/** 86 400 000: figures in threes, with thin spaces. */
export const figures = (n: number): string => grouped.format(n).replaceAll(',', '\u202f');

/** A length of time in the largest units that say it whole: 1 m 30 s. */
export function exactly(ms: number): string {
  if (ms < 1_000) return duration(ms);
  const parts: string[] = [];
  let rest = ms;
  for (const [size, unit] of [[day, 'd'], [3_600_000, 'h'], [60_000, 'm']] as const) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  if (rest > 0) parts.push(`${Number((rest / 1_000).toFixed(3))} s`);
  return parts.join(' ');
}

/** A value for people. */
export function shown(field: Field, v: unknown): string {
  if (v === null || v === undefined) return '–';
  switch (field.kind) {
    case 'flag':
      return v ? 'on' : 'off';
    case 'ms':
      return field.off && v === 0 ? 'off' : v === 0 ? '0' : exactly(Number(v));
    case 'share':
      return field.off && v === 0 ? 'off' : share(Number(v));
    case 'factor':
      return `× ${figures(Number(v))}`;
    case 'shares':
      return Array.isArray(v) && v.length > 0 ? v.map((s) => share(Number(s))).join(' → ') : 'none';
    default:
      return field.off && v === 0 ? 'off' : figures(Number(v));
  }
}

/** What a field may be. */
export function rangeText(field: Field): string {
  const off = field.off ? '; 0 is off' : '';
  switch (field.kind) {
    case 'flag':
      return 'on or off';
    case 'ms':
      return `${figures(field.low)} … ${figures(field.high)} ms${off}`;
    case 'shares':
      return '0 … 10 rising shares above 0, up to 1';
    default:
      return `${figures(field.low)} … ${figures(field.high)}${off}`;
  }
}

/** A value as a form has it. A derived one that is as derived is empty: it stays so. */
export function toText(field: Field, config: Config): string {
  const v = config[field.name];
  if (v === null || v === undefined || (field.derived && isUsual(field, config))) return '';
  return Array.isArray(v) ? v.join(', ') : String(v);
}

export type Read = { value: unknown; error?: undefined } | { error: string; value?: undefined };

/** What a form says; empty is the default. */
export function fromText(field: Field, text: string): Read {
  const t = text.trim();
  if (field.kind === 'flag') return { value: t !== 'false' };
  if (field.kind === 'shares') return sharesFrom(t);
  if (t === '') return { value: field.derived ? null : field.usual };
  const n = Number(t.replaceAll(/[\s_\u202f]/g, ''));
  if (!Number.isFinite(n)) return { error: `“${t}” is not a number` };
  if (field.kind === 'count' && !Number.isInteger(n)) return { error: `${t} is not a whole number` };
  if (n < field.low || n > field.high) return { error: `${t} is not in ${rangeText(field)}` };
  return { value: n };
}

function sharesFrom(text: string): Read {
  if (text === '') return { value: [] };
  const list = text.split(/[\s,;]+/).filter(Boolean).map(Number);
  if (list.some((n) => !Number.isFinite(n) || n <= 0 || n > 1)) return { error: 'each share is above 0, up to 1: 0.05, 0.2, 0.5' };
  if (list.some((n, i) => i > 0 && n <= list[i - 1]!)) return { error: 'the shares must rise' };
  if (list.length > 10) return { error: 'at most 10 shares' };
  return { value: list };
}

export const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

export interface Difference {
  name: string;
  before: unknown;
  after: unknown;
}

/** What differs between two configs, in the order of the fields; unknown fields come last. */
export function differences(before: Config, after: Config): Difference[] {
  const names = [...fields.map((f) => f.name), ...Object.keys({ ...before, ...after }).filter((n) => !fieldOf(n)).sort()];
  return names
    .map((name) => ({ name, before: settled(before, name), after: settled(after, name) }))
    .filter((d) => !same(d.before, d.after));
}

/** A derived value that is not said is what it is derived as. */
function settled(config: Config, name: string): unknown {
  const field = fieldOf(name);
  return (config[name] ?? null) === null && field ? usualOf(field, config) : config[name];
}

/** A value of any field for people, whether it is known or not. */
export function shownAs(name: string, v: unknown): string {
  const field = fieldOf(name);
  return field ? shown(field, v) : JSON.stringify(v ?? null);
}

export interface Merge {
  /** What only I changed, or both alike: it is mine. */
  mine: string[];
  /** What only the other one changed: it is theirs. */
  theirs: string[];
  /** What both changed, differently: somebody must choose. */
  both: { name: string; base: unknown; mine: unknown; theirs: unknown }[];
}

/** Two edits of one config, side by side. */
export function merge(base: Config, mine: Config, theirs: Config): Merge {
  const out: Merge = { mine: [], theirs: [], both: [] };
  const [my, their] = [base, base].map((b, i) => new Map(differences(b, i === 0 ? mine : theirs).map((d) => [d.name, d.after])));
  for (const name of new Set([...my!.keys(), ...their!.keys()])) {
    if (!their!.has(name) || (my!.has(name) && same(my!.get(name), their!.get(name)))) out.mine.push(name);
    else if (!my!.has(name)) out.theirs.push(name);
    else out.both.push({ name, base: settled(base, name), mine: my!.get(name), theirs: their!.get(name) });
  }
  return out;
}

/** Theirs with what is mine put over it; `take` says whose a field is that both changed. */
export function merged(base: Config, mine: Config, theirs: Config, take: Record<string, 'mine' | 'theirs'>): Config {
  const out: Config = { ...theirs };
  const m = merge(base, mine, theirs);
  for (const name of m.mine) out[name] = mine[name];
  for (const { name } of m.both) if (take[name] === 'mine') out[name] = mine[name];
  return out;
}

/** The messages of fields by the field's own name: the manager puts a path before it. */
export function byField(messages: readonly { field: string; message: string }[]): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const { field, message } of messages) {
    const name = field.replace(/^config\./, '').replace(/\[\d+\]$/, '');
    out.set(name, [...(out.get(name) ?? []), message]);
  }
  return out;
}
