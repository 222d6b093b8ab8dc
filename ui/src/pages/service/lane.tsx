import { useRef, useState } from 'preact/hooks';

import { Shape } from '../../parts/badge';
import { local, utc } from '../../format';
import { eventText } from '../../words';
import { shownAt } from '../../live/live';
import type { ServiceEvent, Status } from '../../wire';
import { standingWords, type Band } from './bands';
import { gutter } from './plot';
import type { Stretch } from './ranges';
import { eventKey } from './story';

const share = (at: number, { from, to }: Stretch) => (at - from) / (to - from);
const percent = (x: number) => `${(100 * x).toFixed(3)}%`;

const inset = { marginLeft: `${gutter.left}px`, marginRight: `${gutter.right}px` };

/** How the circuit stood, as a strip with words where there is room for them. */
export function StateStrip({ bands, view, width: px }: { bands: readonly Band[]; view: Stretch; width: number }) {
  return (
    <div class="svc-strip" style={inset} aria-hidden="true">
      {bands.map((b) => {
        const width = Math.min(share(b.to, view), 1) - Math.max(share(b.from, view), 0);
        if (width <= 0) return null;
        return (
          <div key={`${b.from} ${b.kind}`} class={`svc-band is-${b.kind}`} title={`${standingWords[b.kind]} since ${local(b.from, shownAt.value)}`}
            style={{ left: percent(Math.max(share(b.from, view), 0)), width: percent(width) }}>
            {width * px > 8 * standingWords[b.kind].length + 8 && <span>{standingWords[b.kind]}</span>}
          </div>
        );
      })}
    </div>
  );
}

/** The shape of an event's mark. */
export function shapeOf(e: ServiceEvent): Status | 'forced' {
  switch (e.kind) {
    case 'transition':
      return e.to === 'open' ? 'circuit_open' : e.to === 'half_open' ? 'degraded' : 'healthy';
    case 'instance_transition': // one of several: the service itself may be well
      return e.to === 'closed' ? 'healthy' : 'degraded';
    case 'override':
    case 'override_expired':
      return 'forced';
    case 'health_failed':
      return 'unhealthy';
    case 'health_recovered':
      return 'healthy';
    case 'config_warning':
      return 'degraded';
    default:
      return 'unknown';
  }
}

const weight = (e: ServiceEvent) => ['circuit_open', 'forced', 'unhealthy', 'degraded', 'unknown', 'healthy'].indexOf(shapeOf(e));

interface Cluster {
  at: number;
  events: ServiceEvent[]; // oldest first
}

/** Events that would lie on each other, put together. */
export function clusters(events: readonly ServiceEvent[], view: Stretch, width: number): Cluster[] {
  const near = ((view.to - view.from) * 20) / Math.max(width, 100);
  const out: Cluster[] = [];
  for (const e of [...events].reverse()) {
    const at = Date.parse(e.at);
    if (at < view.from || at > view.to) continue;
    const last = out.at(-1);
    if (last && at - last.at < near) last.events.push(e);
    else out.push({ at, events: [e] });
  }
  return out;
}

/**
 * The events as marks under the strip. Tab comes to one of them, the arrows go
 * from one to the next, Enter opens it.
 */
export function Marks({ events, view, width, opened, open, point }: {
  events: readonly ServiceEvent[]; // newest first
  view: Stretch;
  width: number;
  opened: readonly ServiceEvent[];
  open: (events: readonly ServiceEvent[]) => void;
  point: (at: number | null) => void;
}) {
  const lane = useRef<HTMLDivElement>(null);
  const [chosen, choose] = useState('');
  const all = clusters(events, view, width);
  const keyOf = (c: Cluster) => eventKey(c.events[0]!);
  const stop = all.some((c) => keyOf(c) === chosen) ? chosen : all.length > 0 ? keyOf(all.at(-1)!) : '';
  const step = (event: KeyboardEvent, i: number) => {
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    lane.current?.querySelectorAll('button')[Math.max(0, Math.min(all.length - 1, to))]?.focus();
  };
  return (
    <div ref={lane} class="svc-marks" style={inset} role="group" aria-label={`${all.length === 0 ? 'No events' : 'Events'} in this stretch of time`}>
      {all.map((c, i) => {
        const first = c.events.reduce((a, b) => (weight(b) < weight(a) ? b : a));
        const words = c.events.length === 1 ? eventText(first) : `${c.events.length} events, among them ${eventText(first)}`;
        const on = opened.length > 0 && eventKey(opened[0]!) === keyOf(c);
        return (
          <button key={keyOf(c)} type="button" class={on ? 'svc-mark on' : 'svc-mark'} style={{ left: percent(share(c.at, view)) }}
            tabIndex={keyOf(c) === stop ? 0 : -1} aria-expanded={on} aria-label={`${local(c.at, shownAt.value)}: ${words}`} title={`${words}\n${utc(c.at)}`}
            onClick={() => open(on ? [] : c.events)} onKeyDown={(e) => step(e, i)}
            onFocus={() => { choose(keyOf(c)); point(c.at); }} onBlur={() => point(null)}
            onMouseEnter={() => point(c.at)} onMouseLeave={() => point(null)}>
            <Shape status={shapeOf(first)} />
            {c.events.length > 1 && <span class="svc-mark-count">{c.events.length > 99 ? '99+' : c.events.length}</span>}
          </button>
        );
      })}
    </div>
  );
}
