/**
 * The moment that somebody typed, in milliseconds: 14:03, 14:03:22, 23.11. 14:03,
 * Nov 23 14:03, 2026-11-23 14:03:22, an RFC 3339 moment, "12m ago", "-90s", "yesterday 9:00",
 * "now". A time without a day is its latest occurrence before now. Null: it is
 * none of these.
 */
export function said(text: string, now: number): number | null {
  const words = text.trim().toLowerCase();
  if (words === '' || words === 'now') return words === '' ? null : now;
  const ago = /^(?:-\s*)?(\d+(?:[.,]\d+)?)\s*(ms|s|sec|m|min|h|d)(\s+ago)?$/.exec(words);
  if (ago && (words.startsWith('-') || ago[3] !== undefined)) return now - Number(ago[1]!.replace(',', '.')) * units[ago[2]!]!;

  const clock = /^(?:(today|yesterday|\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.(?:\d{4})?|[^\d\s]+ \d{1,2})[\s,]+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,3}))?)?$/.exec(words);
  if (clock) return atClock(clock, now);
  if (/^\d{4}-\d{2}-\d{2}$/.test(words)) return atClock(/^(.*?) (0):(00)()()$/.exec(`${words} 0:00`)!, now);
  if (/^\d{4}-\d{2}-\d{2}t\d{2}:\d{2}/.test(words)) {
    const at = Date.parse(words.toUpperCase());
    return Number.isNaN(at) ? null : at;
  }
  return null;
}

const units: Record<string, number> = { ms: 1, s: 1_000, sec: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** The months as the moments of the page have them. */
const months = Array.from({ length: 12 }, (_, m) => new Intl.DateTimeFormat(undefined, { month: 'short' }).format(new Date(2026, m, 1)).toLowerCase());

function atClock([, day = '', h, m, s = '0', fraction = '']: RegExpExecArray, now: number): number | null {
  const [hour, minute, second, ms] = [Number(h), Number(m), Number(s), Number(fraction.padEnd(3, '0'))];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const today = new Date(now);
  let [year, month, date] = [today.getFullYear(), today.getMonth(), today.getDate()];
  const iso = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  const named = /^(\D+) (\d{1,2})$/.exec(day);
  const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/.exec(day);
  if (iso) [year, month, date] = [Number(iso[1]), Number(iso[2]) - 1, Number(iso[3])];
  else if (dotted) [year, month, date] = [dotted[3] ? Number(dotted[3]) : year, Number(dotted[2]) - 1, Number(dotted[1])];
  else if (named) [month, date] = [months.indexOf(named[1]!), Number(named[2])];
  else if (day === 'yesterday') date--;
  const made = new Date(year, month, date, hour, minute, second, ms);
  if ((iso || dotted || named) && (made.getMonth() !== month || made.getDate() !== date)) return null; // 2026-02-30
  if (day === '' && made.getTime() > now) made.setDate(made.getDate() - 1);
  return made.getTime();
}
