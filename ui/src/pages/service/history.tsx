import { useEffect, useState } from 'preact/hooks';

import { api } from '../../api';
import { board, now } from '../../live/live';
import { moment, parameter, setParameters, travel } from '../../route';
import { kindWords, serviceKinds } from '../../words';
import type { EventKind, ServiceEvent } from '../../wire';
import { message, type ServiceData } from './data';
import { Facts } from './eventcard';
import { EventLine } from './eventline';
import { eventKey, justAfter, mergeEvents } from './story';

const kinds = Object.keys(kindWords) as EventKind[];

const times: { name: string; words: string; ms: number }[] = [
  { name: '', words: 'at any time', ms: 0 },
  { name: '1h', words: 'in the last hour', ms: 3_600_000 },
  { name: '24h', words: 'in the last 24 hours', ms: 86_400_000 },
  { name: '7d', words: 'in the last 7 days', ms: 7 * 86_400_000 },
];

/** A moment as an <input type="datetime-local"> has it, and back. */
const toInput = (iso: string): string => {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return '';
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
const fromInput = (text: string): string => (text === '' || Number.isNaN(Date.parse(text)) ? '' : new Date(text).toISOString());

/** Every event of the service; what comes in is put on top. */
export function History({ data, agent }: { data: ServiceData; agent: boolean }) {
  const { service } = data;
  const kind = (kinds as string[]).includes(parameter('kind')) ? (parameter('kind') as EventKind) : '';
  const each = parameter('instances') === '1'; // what each instance did, too
  const asks = kind || (each ? '' : serviceKinds.join(','));
  const within = times.find((t) => t.name === parameter('within')) ?? times[0]!;
  const [since, until] = [parameter('since'), parameter('until')];
  const [page, setPage] = useState<{ items: ServiceEvent[]; next: string | null } | null>(null);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const at = moment.value;
  const query = {
    service, kind: asks, limit: 50,
    ...(since ? { since } : within.ms > 0 ? { since: new Date((at ?? board.now()) - within.ms).toISOString() } : {}),
    ...(at !== null ? { until: new Date(at + 1).toISOString() } : until ? { until } : {}),
  } as const;
  const asked = JSON.stringify([service, asks, within.name, since, until, at, board.connection.value === 'live']);

  useEffect(() => {
    const abort = new AbortController();
    setError('');
    api.events(query, abort.signal).then(setPage, (err: unknown) => { if (!abort.signal.aborted) setError(message(err)); });
    return () => abort.abort();
  }, [asked]);

  const more = async () => {
    if (!page?.next) return;
    setBusy(true);
    try {
      const next = await api.events({ ...query, cursor: page.next });
      setPage({ items: [...page.items, ...next.items], next: next.next });
    } catch (err) {
      setError(message(err));
    } finally {
      setBusy(false);
    }
  };

  const newest = Date.parse(page?.items[0]?.at ?? '');
  const fresh = at !== null || until ? [] : [...data.events.value, ...board.events.value.filter((e) => e.service === service && e.kind === 'instance_transition')].filter((e) =>
    (asks === '' || asks.split(',').includes(e.kind)) && (!since || e.at >= since) && !(Date.parse(e.at) < newest));
  const list = page ? mergeEvents(page.items, fresh) : [];
  return (
    <div class="stack">
      <div class="row svc-filters">
        <label class="svc-filter">Kind
          <select value={kind} onChange={(e) => setParameters({ kind: e.currentTarget.value })}>
            <option value="">all</option>
            {kinds.filter((k) => agent || k === kind || k !== 'instance_transition').map((k) => <option key={k} value={k}>{kindWords[k]}</option>)}
          </select>
        </label>
        <label class="svc-filter">When
          <select value={since || until ? 'own' : within.name} onChange={(e) => setParameters(e.currentTarget.value === 'own'
            ? { within: '', since: new Date(now.value - 3_600_000).toISOString() } : { within: e.currentTarget.value, since: '', until: '' })}>
            {times.map((t) => <option key={t.name} value={t.name}>{t.words}</option>)}
            <option value="own">from … to …</option>
          </select>
        </label>
        {agent && kind === '' && (
          <label class="svc-filter">
            <input type="checkbox" checked={each} onChange={(e) => setParameters({ instances: e.currentTarget.checked ? '1' : '' })} /> what each instance did, too
          </label>
        )}
        {(since || until) && (
          <>
            <label class="svc-filter">from <input type="datetime-local" value={toInput(since)} onChange={(e) => setParameters({ since: fromInput(e.currentTarget.value) })} /></label>
            <label class="svc-filter">to <input type="datetime-local" value={toInput(until)} onChange={(e) => setParameters({ until: fromInput(e.currentTarget.value) })} /></label>
          </>
        )}
      </div>
      {error && <p class="svc-alert" role="alert">The history cannot be loaded: {error}</p>}
      {!page && !error && <p class="muted">Loading …</p>}
      {page && list.length === 0 && <p class="muted">Nothing of that kind then.</p>}
      <ul class="svc-history">
        {list.map((e) => <Item key={eventKey(e)} event={e} />)}
      </ul>
      {page?.next && <div><button type="button" class="button" disabled={busy} onClick={() => void more()}>Older events</button></div>}
    </div>
  );
}

function Item({ event }: { event: ServiceEvent }) {
  return (
    <li>
      <details class="svc-item">
        <summary><EventLine event={event} /></summary>
        <div class="svc-item-more">
          <Facts event={event} />
          <button type="button" class="button" onClick={() => travel(justAfter(event))}>Travel to this moment</button>
        </div>
      </details>
    </li>
  );
}
