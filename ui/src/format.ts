/** 0, 12, 1.2k, 34k, 5.6M: three figures at most. */
export function count(n: number): string {
  if (n < 999.5) return String(Math.round(n));
  for (const [size, unit] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (n >= size * 0.9995) {
      const scaled = n / size;
      return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)}${unit}`;
    }
  }
  return String(Math.round(n));
}

/** Operations a second. */
export function rate(n: number): string {
  return n > 0 && n < 9.95 ? `${n < 0.05 ? '<0.1' : n.toFixed(1)}/s` : `${count(n)}/s`;
}

/** A share of one as a percentage; a little is never shown as nothing, nor almost all as all. */
export function share(x: number): string {
  if (x > 0 && x < 0.001) return '<0.1 %';
  if (x < 1 && x > 0.999) return '>99.9 %';
  const percent = 100 * x;
  return `${percent < 9.95 && percent % 1 !== 0 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** Milliseconds: 0.4 ms, 12 ms, 1.2 s. */
export function duration(ms: number): string {
  if (ms <= 0) return '0 ms';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return span(ms);
}

/** A span of time in its two largest units: 45s, 2m 05s, 3h 12m, 4d 2h. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1_000));
  if (s < 60) return `${s}s`;
  const pad = (n: number) => String(n).padStart(2, '0');
  if (s < 3_600) return `${Math.floor(s / 60)}m ${pad(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3_600)}h ${pad(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor(s / 3_600) % 24}h`;
}

/** A span of time in its largest unit, for where there is little room: 45s, 12m, 3h, 4d. */
export function shortSpan(ms: number): string {
  return span(ms).split(' ')[0]!;
}

/** 1 failure, 2 failures, 12k failures. */
export const many = (n: number, one: string, more = `${one}s`): string => `${count(n)} ${n === 1 ? one : more}`;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: '2-digit' });

/** The local time, with the day where it is not today. */
export function local(at: number, now: number): string {
  const [a, b] = [new Date(at), new Date(now)];
  const today = a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
  return today ? clock.format(a) : `${day.format(a)} ${clock.format(a)}`;
}

const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, µs: 0.001 };

/** The manager's words with its spans and moments as the page has them elsewhere: 1m0s is 1m 00s, a moment of UTC is local. */
export function worded(text: string, now: number): string {
  return text
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (moment) => local(Date.parse(moment), now))
    .replace(/(?<![\w.-])(?:(?:\d+h)?\d+m\d+(?:\.\d+)?s|\d+\.\d+(?:ms|µs|s))(?![\w-])/g, (given) => {
      let ms = 0;
      for (const [, n, unit] of given.matchAll(/([\d.]+)(h|ms|m|µs|s)/g)) ms += Number(n) * units[unit as keyof typeof units];
      return duration(ms);
    });
}

/** The same moment in UTC, whole. */
export const utc = (at: number): string => `${new Date(at).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
