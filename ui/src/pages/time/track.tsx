import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { local, span } from '../../format';
import { board, now } from '../../live/live';
import { moment, travel } from '../../route';
import { eventText } from '../../words';
import type { ServiceEvent } from '../../wire';
import { kindNames, marks, markStatus, openSpans, type Mark } from './marks';
import { Shape } from '../../parts/badge';
import { stride, ticks } from './ticks';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

/** Browsers refuse a URL that changes all the time. */
const pace = 250;

const today = (at: number): boolean => day.format(at) === day.format(now.peek());

const percent = (share: number) => `${(100 * share).toFixed(3)}%`;

/** The bar itself: a slider over a time with the marks of its events. */
export function Track({ from, to, at, events, since, hold }: {
  from: number;
  to: number;
  at: number | null;
  events: readonly ServiceEvent[];
  since: number;
  hold: (on: boolean) => void;
}) {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const dragged = useSignal<number | null>(null);
  const pointed = useSignal<number | null>(null);
  useEffect(() => {
    const sized = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 800));
    sized.observe(element.current!);
    return () => sized.disconnect();
  }, []);

  const shown = dragged.value ?? at ?? to;
  const share = (time: number) => Math.min(1, Math.max(0, (time - from) / (to - from)));
  const second = Math.floor(to / 1_000);
  const all = useMemo(() => marks(events, from, to, Math.max(20, Math.floor(width / 13))), [events, second, to - from, width]);
  const spans = useMemo(() => {
    const reachesNow = to >= now.peek() - 2_000;
    const open = reachesNow ? [...board.entries.values()].filter((entry) => entry.circuit_breaker.state === 'open').map((entry) => entry.service) : [];
    return openSpans(events, open, Math.max(from, since), to);
  }, [events, second, to - from, since]);

  const paced = usePaced();
  const timeAt = (event: PointerEvent) => {
    const { left, width: wide } = element.current!.getBoundingClientRect();
    const x = Math.min(1, Math.max(0, (event.clientX - left) / wide));
    return { time: Math.round(from + x * (to - from)), end: x > 0.998 && to >= now.peek() - 2_000 };
  };
  const drag = (event: PointerEvent, last: boolean) => {
    const { time, end } = timeAt(event);
    const mark = nearMark(all, time, from, to, width);
    const target = mark && !end ? Date.parse(mark.events.at(-1)!.at) : time;
    dragged.value = end ? to : target;
    paced(end ? null : target, last);
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    element.current!.setPointerCapture(event.pointerId);
    hold(true);
    drag(event, false);
  };
  const move = (event: PointerEvent) => {
    if (event.pointerType === 'mouse' || dragged.peek() !== null) pointed.value = timeAt(event).time;
    if (dragged.peek() !== null) drag(event, false);
  };
  const up = (event: PointerEvent) => {
    if (dragged.peek() === null) return;
    if (event.type === 'pointerup') drag(event, true);
    dragged.value = null;
    pointed.value = null;
    hold(false);
  };
  const key = (event: KeyboardEvent) => {
    const one = stride(to - from) * (event.shiftKey ? 10 : 1);
    const here = moment.peek() ?? board.now();
    const target = {
      ArrowLeft: here - one, ArrowDown: here - one, ArrowRight: here + one, ArrowUp: here + one,
      PageDown: here - 10 * one, PageUp: here + 10 * one, Home: from, End: Infinity,
    }[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    travel(target >= board.now() - 500 ? null : target, { replace: moment.peek() !== null });
  };

  const tip = pointed.value;
  const tipMark = tip === null ? null : nearMark(all, tip, from, to, width);
  const tipAt = tipMark ? Date.parse(tipMark.events.at(-1)!.at) : tip;
  return (
    <div class="track-around">
      <div
        ref={element} class={dragged.value === null ? 'track' : 'track dragging'} role="slider" tabIndex={0} aria-label="The moment that is looked at" aria-valuemin={from} aria-valuemax={to}
        aria-valuenow={Math.min(to, Math.max(from, shown))} aria-valuetext={at === null ? 'now' : `${local(shown, now.value)}, ${span(now.value - shown)} ago`}
        onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={up} onPointerLeave={() => dragged.peek() === null && (pointed.value = null)} onKeyDown={key}
      >
        <div class="track-rail">
          {since > from && since < to && <i class="track-missing" title="Too many events to show" style={{ left: 0, width: percent(share(since)) }} />}
          {spans.map((s) => <i key={s.from} class="track-open" style={{ left: percent(share(s.from)), width: percent(Math.max(0.002, share(s.to) - share(s.from))) }} />)}
          {at !== null && <i class="track-after" style={{ left: percent(share(shown)), width: percent(1 - share(shown)) }} />}
        </div>
        {all.map((mark) => <MarkShape key={mark.share} mark={mark} />)}
        <i class={at === null && dragged.value === null ? 'track-thumb live' : 'track-thumb'} style={{ left: percent(share(shown)) }} />
        {tipAt !== null && (
          <output class="track-tip" aria-hidden="true" style={{ left: `clamp(110px, ${percent(share(tipAt))}, calc(100% - 110px))` }}>
            <b>{local(tipAt, now.value)}</b>
            {tipMark?.events.slice(-3).map((event) => <span key={event.seq}>{event.service}: {eventText(event)}</span>)}
            {tipMark && tipMark.events.length > 3 && <span class="muted">and {tipMark.events.length - 3} more</span>}
          </output>
        )}
      </div>
      <div class="track-ticks" aria-hidden="true">
        {ticks(from, to, Math.max(2, Math.floor(width / 90))).filter((tick) => Math.abs(share(tick.at) - 0.5) * width < width / 2 - 34).map((tick, i) => (
          <span key={tick.at} style={{ left: percent(share(tick.at)) }}>{i === 0 && !tick.midnight && !today(tick.at) ? `${day.format(tick.at)} ` : ''}{(tick.midnight ? day : clock).format(tick.at)}</span>
        ))}
      </div>
    </div>
  );
}

const reachPx = 6;

/** The mark that is pointed at: what is near is taken, so that one lands on the event and not beside it. */
function nearMark(all: readonly Mark[], time: number, from: number, to: number, width: number): Mark | null {
  const share = (time - from) / (to - from);
  let best: Mark | null = null;
  for (const mark of all) {
    const away = Math.abs(mark.share - share);
    if (away * width <= reachPx && (best === null || away < Math.abs(best.share - share))) best = mark;
  }
  return best;
}

function MarkShape({ mark }: { mark: Mark }) {
  const status = markStatus[mark.kind];
  return (
    <i class={`track-mark ${mark.kind} ${mark.events.length > 1 ? 'several' : ''}`} data-kind={kindNames[mark.kind]} style={{ left: percent(mark.share) }}>
      {status ? <Shape status={status} /> : <svg class="shape" viewBox="0 0 16 16" aria-hidden="true"><path d={mark.kind === 'config' ? 'M6 1h4v14H6z' : 'M5 5h6v6H5z'} /></svg>}
    </i>
  );
}

/** Travels at once, then at most every so many milliseconds, and to the last at the end. */
function usePaced(): (at: number | null, last: boolean) => void {
  const state = useRef<{ timer: ReturnType<typeof setTimeout> | undefined; next: (() => void) | null }>({ timer: undefined, next: null });
  useEffect(() => () => clearTimeout(state.current.timer), []);
  return (at, last) => {
    const s = state.current;
    const run = () => travel(at, { replace: moment.peek() !== null });
    if (last || s.timer === undefined) {
      clearTimeout(s.timer);
      s.next = null;
      run();
      s.timer = last ? undefined : setTimeout(function again() {
        s.timer = undefined;
        const next = s.next;
        s.next = null;
        if (!next) return;
        next();
        s.timer = setTimeout(again, pace);
      }, pace);
    } else {
      s.next = run;
    }
  };
}
