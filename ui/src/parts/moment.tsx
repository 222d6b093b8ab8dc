import { now, shownAt } from '../live/live';
import { local, span, utc } from '../format';

/** A moment: local, with UTC on hover. */
export function When({ at }: { at: string | number | null | undefined }) {
  if (at === null || at === undefined || at === '') return <span class="muted">–</span>;
  const time = typeof at === 'number' ? at : Date.parse(at);
  return <time dateTime={new Date(time).toISOString()} title={utc(time)}>{local(time, now.value)}</time>;
}

/** How long ago, or until when, from the time that is shown; it counts. */
export function Ago({ at }: { at: string | number }) {
  const time = typeof at === 'number' ? at : Date.parse(at);
  const left = time - shownAt.value;
  return <time dateTime={new Date(time).toISOString()} title={utc(time)}>{left >= 1_000 ? `in ${span(left)}` : `${span(-left)} ago`}</time>;
}

/** What is left until a moment, to the second, from the time that is shown. */
export function Countdown({ to, from }: { to: string; from?: number }) {
  const left = Date.parse(to) - (from ?? shownAt.value);
  return <time dateTime={to} title={utc(Date.parse(to))}>{left > 0 ? span(left) : 'now'}</time>;
}
