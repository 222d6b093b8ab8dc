import { useMemo } from 'preact/hooks';

import { api } from '../../api';
import { span } from '../../format';
import { alerts, entries } from '../../live/live';
import { When } from '../../parts/moment';
import { orderly, Outside } from '../../parts/outside';
import { SeverityShape } from '../../parts/severity';
import { parameter, setParameters } from '../../route';
import type { Alert } from '../../wire';
import { alertText } from '../../words';
import { More } from '../lists/more';
import { usePages } from '../lists/pager';
import { evidenceOf, lasted, thenURL, withEnded } from './words';

/** The alerts that are over, the newest first. */
export function Resolved() {
  const service = parameter('service');
  // Each time all were asked for anew there may be some that nobody told of.
  const list = usePages<Alert>(`${alerts.turn.value} ${service}`, (cursor) => api.alerts({ status: 'resolved', service, limit: 50, cursor }));
  const ended = alerts.ended.value;
  const shown = useMemo(() => withEnded(list.items, ended, list.more, service), [list.items, ended, list.more, service]);
  return (
    <section class="alerts-part" aria-labelledby="alerts-resolved">
      <header class="lists-head">
        <h2 id="alerts-resolved">Resolved</h2>
        <span class="spread" />
        <ServiceField value={service} />
        {service !== '' && <button type="button" class="button" onClick={() => setParameters({ service: '' })}>Show all</button>}
      </header>
      <ResolvedTable list={shown} />
      <More list={{ ...list, items: shown }} empty={service !== '' ? 'No alert of that service is over.' : 'No alert is over.'} />
    </section>
  );
}

function ServiceField({ value }: { value: string }) {
  const names = useMemo(() => [...entries.peek().keys()].sort().slice(0, 1_000), []);
  return (
    <label class="alerts-filter">
      <span class="muted">of</span>
      <input
        key={value} list="alerts-services" aria-label="Only those of this service" placeholder="all services" defaultValue={value} autocomplete="off" spellcheck={false}
        onChange={(event) => setParameters({ service: event.currentTarget.value.trim() })}
      />
      <datalist id="alerts-services">{names.map((name) => <option key={name} value={name} />)}</datalist>
    </label>
  );
}

export function ResolvedTable({ list }: { list: readonly Alert[] }) {
  if (list.length === 0) return null;
  return (
    <div class="lists-table" tabIndex={0} role="region" aria-label="Resolved alerts">
      <table class="alerts-table alerts-over">
        <thead><tr><th>Began</th><th>Lasted</th><th>Service</th><th>What</th><th>Why</th><th>Seen by</th></tr></thead>
        <tbody>{list.map((alert) => <Row key={alert.id} alert={alert} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ alert }: { alert: Alert }) {
  const { words, error } = evidenceOf(alert);
  return (
    <tr>
      <td class="moment"><When at={alert.starts_at} /></td>
      <td class="moment" title={alert.ends_at === null ? undefined : `until ${new Date(alert.ends_at).toLocaleString()}`}><span class="alerts-label">fired for </span>{span(lasted(alert))}</td>
      <td><a href={thenURL(alert)} title="The service as it was when this began"><Outside text={alert.service} /></a>
        {alert.root !== null && alert.root !== alert.service && <small class="muted alerts-root">because of <Outside text={alert.root} /></small>}</td>
      <td class="alerts-kind"><SeverityShape severity={alert.severity} /> <span class="hidden-visually">{alert.severity}: </span>{alertText(alert.kind)}</td>
      <td>
        {words.length > 0 ? words.map((word, i) => <span key={i}>{i > 0 && ' · '}<Outside text={word} /></span>) : <Outside text={alert.summary} />}
        {error !== '' && <span class="mono incident-error" title={orderly(error)}><Outside text={error} /></span>}
      </td>
      <td>{alert.acknowledged_by !== null && <><span class="alerts-label">seen by </span><Outside text={alert.acknowledged_by} /></>}</td>
    </tr>
  );
}
