import type { Alert, FieldMessage, Matcher, Moment } from '../../wire';
import { spanFrom } from '../service/effects';

/** What somebody says of a silence. */
export interface Form {
  matchers: Matcher[];
  reason: string;
  /** When it starts, as a field of the page has it; empty is now. */
  starts: string;
  /** A number of milliseconds, 'span' with `span`, 'until' with `until`; empty: not said yet. */
  lasts: string;
  span: string;
  until: string;
}

export const fields = ['service', 'root', 'kind', 'severity', 'layer', 'incident'];
export const ops = ['=', '!=', '=~', '!~'];

const [hour, day] = [3_600_000, 86_400_000];

/** The lengths that are offered. */
export const lengths = [{ name: '1 h', ms: hour }, { name: '4 h', ms: 4 * hour }, { name: '1 day', ms: day }, { name: '1 week', ms: 7 * day }];

/** The moment of a field of the page, which is local and has minutes; NaN where there is none. */
export const fromField = (text: string): number => (text === '' ? NaN : new Date(text).getTime());

/** A moment as such a field has it. */
export function toField(at: number): string {
  const d = new Date(at);
  const pad = (n: number) => String(n).padStart(2, '0');
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
}

/** From when until when it would hold; NaN where that is not said. */
export function timesOf(form: Form, now: number): { from: number; to: number } {
  const from = form.starts === '' ? now : fromField(form.starts);
  if (form.lasts === 'until') return { from, to: fromField(form.until) };
  return { from, to: from + (form.lasts === 'span' ? spanFrom(form.span) : form.lasts === '' ? NaN : Number(form.lasts)) };
}

/** What can be told to be wrong before the manager is asked; it has the last word. */
export function wrongs(form: Form, now: number): FieldMessage[] {
  const bad: FieldMessage[] = [];
  if (form.matchers.length === 0) bad.push({ field: 'matchers', message: 'Say what it covers.' });
  form.matchers.forEach((matcher, i) => {
    if (matcher.value.trim() === '' && matcher.op !== '!=') bad.push({ field: `matchers[${i}].value`, message: 'Say which.' });
  });
  const { from, to } = timesOf(form, now);
  if (Number.isNaN(from)) bad.push({ field: 'starts_at', message: 'Say when it starts.' });
  if (form.lasts === '' || (form.lasts === 'until' && form.until === '')) bad.push({ field: 'ends_at', message: 'Say when it ends.' });
  else if (Number.isNaN(to)) bad.push({ field: 'ends_at', message: 'Write a length of time, such as 90m or 2h 30m.' });
  else if (to <= now) bad.push({ field: 'ends_at', message: 'That is past.' });
  else if (to <= from) bad.push({ field: 'ends_at', message: 'It ends before it starts.' });
  if (form.reason.trim() === '') bad.push({ field: 'reason', message: 'Say why: others will wonder at the quiet.' });
  return bad;
}

/** What is sent. */
export function request(form: Form, now: number): { matchers: Matcher[]; reason: string; starts_at?: Moment; ends_at: Moment } {
  const { from, to } = timesOf(form, now);
  return {
    matchers: form.matchers.map(({ field, op, value }) => ({ field, op, value: value.trim() })), reason: form.reason.trim(),
    ...(form.starts === '' ? {} : { starts_at: new Date(from).toISOString() }),
    ends_at: new Date(to).toISOString(),
  };
}

function valueOf(alert: Alert, field: string, layerOf: (service: string) => string): string {
  switch (field) {
    case 'service': return alert.service;
    case 'kind': return alert.kind;
    case 'severity': return alert.severity;
    case 'layer': return layerOf(alert.service);
    case 'root': return alert.root ?? '';
    default: return alert.incident;
  }
}

/** The whole of a value against an expression, as nearly as a browser can tell; null: it cannot. */
function expression(text: string): RegExp | null {
  const [, flags = '', rest = ''] = /^\(\?([is]+)\)([^]*)$/.exec(text) ?? ['', '', text];
  for (const unicode of ['u', '']) {
    try {
      return new RegExp(`^(?:${rest})$`, flags + unicode);
    } catch {
      // the manager's expressions allow some things that are none here
    }
  }
  return null;
}

/** The alerts that all matchers match; null where the page cannot tell. */
export function covered(matchers: readonly Matcher[], firing: readonly Alert[], layerOf: (service: string) => string): Alert[] | null {
  if (matchers.length === 0) return [];
  const tests: ((alert: Alert) => boolean)[] = [];
  for (const { field, op, value: given } of matchers) {
    const value = given.trim();
    const is = (alert: Alert) => valueOf(alert, field, layerOf);
    if (op === '=' || op === '!=') {
      tests.push((alert) => (is(alert) === value) === (op === '='));
      continue;
    }
    const known = expression(value);
    if (!known) return null;
    tests.push((alert) => known.test(is(alert)) === (op === '=~'));
  }
  return firing.filter((alert) => tests.every((test) => test(alert)));
}
