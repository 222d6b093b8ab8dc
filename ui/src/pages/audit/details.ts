import { modeWords, stateWords } from '../../words';

/** A detail of a line: what it is called, and its value, which is a moment where `at` is one. */
export interface Detail {
  name: string;
  text: string;
  at: number | null;
}

const words = { ...modeWords, ...stateWords };

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/** What a line tells beside who did what and with what result, the moments last; what is nothing, or said in the result, is left out. */
export function detailsOf(details: unknown, result = ''): Detail[] {
  if (typeof details !== 'object' || details === null || Array.isArray(details)) return [];
  const out: Detail[] = [];
  for (const [key, value] of Object.entries(details)) {
    const text = textOf(value);
    if (text === '' || (key === 'id' && result.includes(text))) continue;
    const at = typeof value === 'string' && moment.test(value) ? Date.parse(value) : NaN;
    out.push({ name: key.replaceAll('_', ' '), text: (words as Record<string, string>)[text] ?? text, at: Number.isNaN(at) ? null : at });
  }
  return out.sort((a, b) => Number(a.at !== null) - Number(b.at !== null));
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(textOf).filter((text) => text !== '').join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
