import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';

import { local, span, utc } from '../../format';
import { useKeys } from '../../keys';
import { board, now, past } from '../../live/live';
import { CopyButton } from '../../parts/copy';
import { tell } from '../../parts/notice';
import { moment, travel } from '../../route';
import { eventText } from '../../words';
import type { ServiceEvent } from '../../wire';
import { useCalm } from '../map/calm';
import { load, loaded, loadError, stepFrom, TooFar } from './history';
import { asked, merge } from './marks';
import { said } from './said';
import { ranges, windowOf, type Range } from './ticks';
import { Track } from './track';
import './timebar.css';

const remembered = 'switchgear.range';

const firstRange = (): Range => ranges.find((range) => range.name === sessionStorage.getItem(remembered)) ?? ranges[1]!;

/** All events that the bar knows of: the loaded ones and, where it reaches to now, the live ones; the newest first. */
function useEvents(): readonly ServiceEvent[] {
  const live = useCalm(board.events, 300);
  const have = loaded.value;
  const known = useRef<{ live: unknown; have: unknown; all: ServiceEvent[] } | null>(null);
  if (known.current?.live !== live || known.current.have !== have) {
    const fresh = have?.to === Infinity || !have ? live.filter((event) => asked.includes(event.kind)) : [];
    known.current = { live, have, all: merge(have?.events ?? [], fresh) };
  }
  return known.current.all;
}

const present = 500; // what is younger, in milliseconds, is now

/** Goes to a moment; one that has not come yet is the present. The first step from the present can be taken back. */
export const lookAt = (at: number | null): void =>
  travel(at === null || at >= board.now() - present ? null : at, { replace: moment.peek() !== null });

/** The scrubber over the kept time, and what it says of the moment that is looked at. */
export function TimeBar() {
  const [range, setRange] = useState(firstRange);
  const at = moment.value;
  const held = useSignal<{ from: number; to: number } | null>(null); // while something is dragged nothing moves under it
  const time = held.value ?? windowOf(now.value, at, range.ms);
  const events = useEvents();
  const stepping = useRef(false);

  // A whole minute, so that a window that goes with the time does not ask each second.
  const span = useComputed(() => {
    const { from } = windowOf(now.value, moment.value, range.ms);
    return Math.floor(from / 60_000) * 60_000;
  });
  useSignalEffect(() => {
    const from = span.value;
    const reachesNow = moment.value === null || moment.value >= now.peek() - range.ms;
    if (loaded.value === null || from < loaded.value.from || !reachesNow) void load(from, reachesNow ? Infinity : from + range.ms + 60_000);
    else if (loaded.value.to !== Infinity) void load(from, Infinity);
  });

  const step = async (back: boolean, openings: boolean) => {
    if (stepping.current) return;
    stepping.current = true;
    try {
      const here = moment.peek() ?? (back ? board.now() - present : board.now()); // where events are many there is always one that is too young
      const found = await stepFrom(here, back, openings, board.now(), events, loaded.peek()?.since ?? Infinity);
      if (found) lookAt(Date.parse(found.at));
      else if (!back && moment.peek() !== null) lookAt(null);
      else tell('good', back ? `There is no ${openings ? 'opening' : 'event'} before.` : 'You are at the newest already.');
    } catch (err) {
      if (err instanceof TooFar) tell('good', err.message);
      else tell('bad', `The next event could not be asked for: ${err instanceof Error ? err.message : String(err)}`);
    } finally {
      stepping.current = false;
    }
  };
  const latest = useRef(step);
  latest.current = step;
  const keyed = (back: boolean, openings: boolean) => () => void latest.current(back, openings);
  useKeys([
    { key: ',', does: 'the event before', run: keyed(true, false) },
    { key: '.', does: 'the event after', run: keyed(false, false) },
    { key: '<', does: 'the opening before', run: keyed(true, true) },
    { key: '>', does: 'the opening after', run: keyed(false, true) },
    { key: ';', does: '', run: keyed(true, true) }, // Shift and , or . on other keyboards
    { key: ':', does: '', run: keyed(false, true) },
    { key: 'n', does: 'back to now', run: () => lookAt(null) },
  ], { around: true });

  return (
    <section class={at === null ? 'timebar' : 'timebar travelling'} aria-label="Time">
      <div class="timebar-row">
        <div class="timebar-steps">
          <button type="button" class="button quiet" aria-label="The event before (,)" title="The event before (,); with Shift the opening before" onClick={(e) => void step(true, e.shiftKey)}>‹</button>
          <button type="button" class="button quiet" aria-label="The event after (.)" title="The event after (.); with Shift the opening after" onClick={(e) => void step(false, e.shiftKey)}>›</button>
        </div>
        <Track
          from={time.from} to={time.to} at={at} events={events} since={loaded.value?.since ?? time.to}
          hold={(on) => (held.value = on ? windowOf(now.peek(), moment.peek(), range.ms) : null)}
        />
        <div class="timebar-tools">
          <GoTo />
          <label>
            <span class="hidden-visually">Time shown on the bar</span>
            <select value={range.name} onChange={(e) => {
              const chosen = ranges.find((r) => r.name === e.currentTarget.value) ?? ranges[1]!;
              sessionStorage.setItem(remembered, chosen.name);
              setRange(chosen);
            }}>
              {ranges.map((r) => <option key={r.name} value={r.name} title={r.words}>{r.name}</option>)}
            </select>
          </label>
          <CopyButton className="button quiet" words="Copy link" text={linkHere} />
        </div>
      </div>
      {loadError.value !== '' && <p class="timebar-error" role="alert">The events of this time could not be loaded: {loadError.value}</p>}
      <Banner at={at} events={events} step={step} />
    </section>
  );
}

/** The present view at the moment that is looked at, or at now. */
function linkHere(): string {
  const url = new URL(location.href);
  url.searchParams.set('at', new Date(moment.peek() ?? board.now()).toISOString());
  return url.href;
}

/** Says that one does not see the present, and leads back to it. */
function Banner({ at, events, step }: { at: number | null; events: readonly ServiceEvent[]; step: (back: boolean, openings: boolean) => Promise<void> }) {
  if (at === null) return null;
  const shown = past.value;
  const just = events.filter((event) => Date.parse(event.at) === at);
  return (
    <div class="timebar-banner">
      <svg viewBox="0 0 16 16" class="timebar-clock" aria-hidden="true"><circle cx="8" cy="8" r="6.8" /><path d="M8 4v4.3l2.8 1.7" /></svg>
      <p class="spread" role="status">
        <b>You look at <time dateTime={new Date(at).toISOString()} title={utc(at)}>{local(at, now.value)}</time></b>
        <span aria-hidden="true">, {span(now.value - at)} ago</span>: not live.
        {shown?.error
          ? <span class="timebar-wrong"> The board of that moment could not be had: {shown.error}.</span>
          : shown?.at !== at ? <span class="muted"> Asking for it …</span>
          : just.length > 0 && <span class="timebar-just"> {just.slice(0, 2).map((event) => `${event.service}: ${eventText(event)}`).join('; ')}{just.length > 2 && `; and ${just.length - 2} more`}</span>}
      </p>
      <span class="timebar-openings">
        <button type="button" class="button" title="The opening before (<)" onClick={() => void step(true, true)}>‹ opening</button>
        <button type="button" class="button" title="The opening after (>)" onClick={() => void step(false, true)}>opening ›</button>
      </span>
      <button type="button" class="button primary" title="Back to now (n)" onClick={() => lookAt(null)}>Back to now</button>
    </div>
  );
}

/** A field for a time that one has from elsewhere: a log, a message. */
function GoTo() {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState('');
  const go = (event: Event) => {
    event.preventDefault();
    const to = said(text, board.now());
    if (text.trim() === '') return;
    if (to === null) return setWrong('Not a time: say 14:03, 14:03:22, 2026-11-23 14:03 or 12m ago');
    if (to > board.now() + 1_000) return setWrong('That is yet to come');
    setText('');
    setWrong('');
    (document.activeElement as HTMLElement | null)?.blur(); // the keys that step work from here
    lookAt(to);
    return undefined;
  };
  return (
    <form class="timebar-goto" onSubmit={go} noValidate>
      <input
        aria-label="Go to a time" placeholder="14:03 or 12m ago" title="A time: 14:03, 14:03:22, yesterday 9:00, 2026-11-23 14:03, 12m ago" autocomplete="off" value={text} aria-invalid={wrong !== ''}
        {...(wrong ? { 'aria-describedby': 'timebar-wrong' } : {})}
        onInput={(e) => { setText(e.currentTarget.value); setWrong(''); }}
        onKeyDown={(e) => { if (e.key === 'Escape') { setText(''); setWrong(''); e.currentTarget.blur(); } }}
      />
      {wrong && <span id="timebar-wrong" class="timebar-tip" role="alert">{wrong}</span>}
    </form>
  );
}
