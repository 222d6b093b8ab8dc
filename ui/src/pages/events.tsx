import { useMemo } from 'preact/hooks';

import { api } from '../api';
import { board, entries } from '../live/live';
import { summary } from '../live/summary';
import { Shape } from '../parts/badge';
import { When } from '../parts/moment';
import { orderly, Outside } from '../parts/outside';
import { moment, parameter, serviceURL, setParameters } from '../route';
import { eventText, kindWords, serviceKinds } from '../words';
import type { EventKind, ServiceEvent } from '../wire';
import { errorOf, evidenceWords, withLive, type Filter } from './events/live';
import { More } from './lists/more';
import { usePages } from './lists/pager';
import { useCalm } from './map/calm';
import { MomentField } from './time/field';
import { markOf, markStatus } from './time/marks';
import { lookAt } from './time/timebar';
import './lists/lists.css';
import './events/events.css';

const allKinds = Object.keys(kindWords) as EventKind[];

/** What happened to all services, the newest first. */
export function EventsPage() {
  const at = moment.value;
  const chosen = parameter('kind').split(',').filter((kind) => allKinds.includes(kind as EventKind));
  const each = parameter('instances') === '1';
  const filter: Filter = {
    service: parameter('service'), kinds: chosen.length > 0 ? chosen : each ? [] : serviceKinds,
    since: parameter('since'), until: earlier(parameter('until'), at),
  };
  const key = JSON.stringify(filter);
  const list = usePages<ServiceEvent>(key, (cursor) => api.events({
    service: filter.service, kind: filter.kinds.join(','), since: filter.since, until: filter.until, limit: 100, cursor,
  }));
  const live = useCalm(board.events, 250);
  const shown = useMemo(() => withLive(list.items, live, list.more, filter), [list.items, live, list.more, key]);
  const agents = useMemo(() => each || [...entries.peek().values()].some((entry) => entry.source === 'agent'), [each, summary.value]);
  const filtered = ['service', 'kind', 'since', 'until'].some((name) => parameter(name) !== '');

  return (
    <div class="page">
      <header class="lists-head">
        <h1>Events</h1>
        <p class="muted" role="status">{at !== null ? 'up to the moment that you look at' : board.connection.value === 'live' ? 'new ones come on top' : 'not live: new ones are missing'}</p>
      </header>
      <div class="lists-filters" role="search" aria-label="Filter the events">
        <ServiceField value={filter.service} />
        <label class="field">
          <span>Kind</span>
          <select value={chosen.length > 1 ? '' : (chosen[0] ?? '')} onChange={(event) => setParameters({ kind: event.currentTarget.value })}>
            <option value="">all kinds</option>
            {allKinds.map((kind) => <option key={kind} value={kind}>{kindWords[kind]}</option>)}
          </select>
        </label>
        <MomentField label="Since" at={filter.since} take={(since) => setParameters({ since })} />
        <MomentField label="Before" at={parameter('until')} take={(until) => setParameters({ until })} />
        {agents && chosen.length === 0 && (
          <label class="lists-check">
            <input type="checkbox" checked={each} onChange={(event) => setParameters({ instances: event.currentTarget.checked ? '1' : '' })} /> what each instance did, too
          </label>
        )}
        {filtered && <button type="button" class="button" onClick={() => setParameters({ service: '', kind: '', since: '', until: '' })}>Show all</button>}
      </div>
      {shown.length > 0 && (
        <div class="lists-table" tabIndex={0} role="region" aria-label="Events">
          <table class="events-table">
            <thead><tr><th>When</th><th>Service</th><th>What</th><th>Why</th><th>By</th><th><span class="hidden-visually">Travel</span></th></tr></thead>
            <tbody>{shown.map((event) => <EventRow key={event.id ?? `${event.seq} ${event.service}`} event={event} />)}</tbody>
          </table>
        </div>
      )}
      <More list={{ ...list, items: shown }} empty={filtered ? 'No event is like that.' : 'Nothing has happened yet.'} />
    </div>
  );
}

/** While one travels no event is shown that had not happened yet. */
function earlier(until: string, at: number | null): string {
  if (at === null) return until;
  const end = new Date(at + 1).toISOString();
  return until !== '' && until < end ? until : end;
}

function ServiceField({ value }: { value: string }) {
  const names = useMemo(() => [...entries.peek().keys()].sort().slice(0, 1_000), []);
  return (
    <label class="field">
      <span>Service</span>
      <input
        key={value} list="events-services" placeholder="all services" defaultValue={value} autocomplete="off" spellcheck={false}
        onChange={(event) => setParameters({ service: event.currentTarget.value.trim() })}
      />
      <datalist id="events-services">{names.map((name) => <option key={name} value={name} />)}</datalist>
    </label>
  );
}

function EventRow({ event }: { event: ServiceEvent }) {
  const status = markStatus[markOf(event)];
  const error = errorOf(event);
  const words = evidenceWords(event);
  return (
    <tr>
      <td class="moment"><When at={event.at} /></td>
      <td><a href={serviceURL(event.service)}>{event.service}</a></td>
      <td>
        <span class={`events-what ${status ? `is-${status}` : ''}`}>{status && <Shape status={status} />}<span>{eventText(event)}</span></span>
        {!event.durable && <small class="events-waiting">not stored yet</small>}
      </td>
      <td>
        {event.reason && event.reason !== error && <p><Outside text={event.reason} /></p>}
        {error !== '' && <p class="mono events-error" title={orderly(error)}><Outside text={error} /></p>}
        {words.length > 0 && <p class="muted">{words.join(' · ')}</p>}
      </td>
      <td class={event.actor ? '' : 'events-nobody'}>{event.actor ? <Outside text={event.actor} /> : <span class="muted">–</span>}</td>
      <td class="events-go">
        <button type="button" class="button quiet" title="Look at everything as it was then" onClick={() => lookAt(Date.parse(event.at))}>look at it then<span class="hidden-visually">: {event.service}, {eventText(event)}</span></button>
      </td>
    </tr>
  );
}
