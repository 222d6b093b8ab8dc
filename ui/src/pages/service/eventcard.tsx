import { useEffect, useRef } from 'preact/hooks';

import { local, span } from '../../format';
import { now } from '../../live/live';
import { ruleText } from '../../words';
import { When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import type { ServiceEvent } from '../../wire';
import { isOpening, outageOf } from '../time/outage';
import { exactly } from './fields';
import { EventLine } from './eventline';
import { justAfter } from './story';

/** The facts of an event's evidence, in words. */
export function facts(e: ServiceEvent): [name: string, value: string][] {
  const out: [string, string][] = [];
  const evidence = e.evidence ?? {};
  const add = (name: string, key: string, write: (v: unknown) => string = String) => {
    const v = evidence[key];
    if (v !== null && v !== undefined && v !== '') out.push([name, write(v)]);
  };
  if (e.kind === 'transition' || e.kind === 'instance_transition') {
    add('instance', 'instance_name');
    add('its ID', 'instance');
    add('instances', 'instances', census);
    add('rule', 'rule', ruleText);
    add('failures in the window', 'failures');
    add('successes in the window', 'successes');
    if (evidence['slow']) add('slow', 'slow');
    add('failures in a row', 'consecutive_failures');
    add('recovery attempt', 'recovery_attempt');
    add('open for', 'open_ms', (v) => exactly(Math.round(Number(v))));
    add('in flight', 'in_flight');
    add('config version', 'config_version');
    add('last error', 'last_error');
    out.push(...outageFacts(e));
    return out;
  }
  for (const [key, v] of Object.entries(evidence)) {
    if (v === null || v === '' || v === e.reason) continue; // said already
    out.push([key.replaceAll('_', ' '), typeof v === 'object' ? JSON.stringify(v) : String(v)]);
  }
  return out;
}

/** How many instances there were, and how many of them were open. */
function census(v: unknown): string {
  const { total, open } = (v ?? {}) as { total?: unknown; open?: unknown };
  return typeof total === 'number' && typeof open === 'number' ? `${open} of ${total} open` : '';
}

/** Of which outage a transition is a part, where it is not its beginning. */
function outageFacts(e: ServiceEvent): [name: string, value: string][] {
  const outage = outageOf(e);
  if (!outage || isOpening(e)) return [];
  const began = Date.parse(outage.began_at);
  const failed = outage.openings - 1;
  return [
    [e.to === 'closed' ? 'was down for' : 'down for', span(Date.parse(e.at) - began)],
    ['opened at first', `${local(began, now.peek())}: ${ruleText(outage.rule)}`],
    ...(failed > 0 ? [['failed recoveries', String(failed)] as [string, string]] : []),
  ];
}

/** One event, or some that lie together, in full. */
export function EventCard({ events, close, travel }: { events: readonly ServiceEvent[]; close: () => void; travel: (at: number) => void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => ref.current?.scrollIntoView({ block: 'nearest' }), [events]);
  const first = events[0]!;
  return (
    <div ref={ref} class="svc-event-card" role="group" aria-label="What happened here"
      onKeyDown={(e) => { if (e.key === 'Escape') { e.preventDefault(); close(); } }}>
      <div class="svc-event-list">
        {[...events].reverse().slice(0, 12).map((e) => (
          <div key={e.at + e.kind}>
            <EventLine event={e} />
            {events.length === 1 && <Facts event={e} />}
          </div>
        ))}
        {events.length > 12 && <p class="muted">and {events.length - 12} more: zoom in to tell them apart</p>}
      </div>
      <div class="row">
        <button type="button" class="button" onClick={() => travel(justAfter(first))}>Travel to <When at={first.at} /></button>
        <button type="button" class="button quiet" onClick={close}>Close</button>
      </div>
    </div>
  );
}

export function Facts({ event }: { event: ServiceEvent }) {
  const list = facts(event);
  if (list.length === 0) return null;
  return (
    <dl class="svc-facts">
      {list.map(([name, value]) => (
        <div key={name} class={value.length > 24 ? 'is-long' : ''}><dt>{name}</dt><dd><Outside text={value} /></dd></div>
      ))}
    </dl>
  );
}
