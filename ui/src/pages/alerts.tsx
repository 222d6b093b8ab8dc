import { useEffect, useState } from 'preact/hooks';

import { api } from '../api';
import { useKeys } from '../keys';
import { alerts, board, incidents, may } from '../live/live';
import type { Incident } from '../live/incidents';
import { parameter, setParameters } from '../route';
import { alertText } from '../words';
import { Acknowledge } from './alerts/acknowledge';
import { useAsked } from './alerts/data';
import { IncidentCard, type Orders } from './alerts/incident';
import { Broken, Receivers, useReceivers } from './alerts/receivers';
import { Resolved } from './alerts/resolved';
import { MakeSilence, type Preset } from './alerts/silence';
import { Silences } from './alerts/silences';
import { seesAll } from './lists/told';
import './lists/lists.css';
import './alerts/alerts.css';

/** What is wrong and who was told of it; silences and receivers. It shows the present, also to who looks at the past elsewhere. */
export function AlertsPage() {
  if (alerts.present.value === null) return <p class="page muted">{alerts.error.value === '' ? 'Asking for the alerts …' : `The alerts could not be asked for: ${alerts.error.value}`}</p>;
  if (!alerts.present.value) return <p class="page">This manager has no alerts. <a href="/">The board</a></p>;
  return <Alerts />;
}

function Alerts() {
  const all = seesAll();
  return all ? <WithWhole /> : <Frame silences={null} orders={{}}><Resolved /></Frame>;
}

/** Silences and receivers are those of all services together. */
function WithWhole() {
  // What is covered tells that there is a silence that this page has not heard of.
  const covering = [...new Set(alerts.firing.value.flatMap((alert) => alert.silenced_by))].sort().join();
  const silences = useAsked((signal) => api.silences(signal), 30_000, covering);
  const receivers = useReceivers();
  const [presets, setPresets] = useState<Preset[] | null>(null);
  const order = may('operator');
  useKeys(order ? [{ key: 's', does: 'silence …', run: (event) => { event.preventDefault(); setPresets([]); } }] : []);
  return (
    <Frame silences={silences.value} orders={order ? { silence: (incident) => setPresets(presetsOf(incident)) } : {}} head={<Broken list={receivers.value ?? []} />}>
      {!silences.absent && <Silences asked={silences} may={order} make={() => setPresets([])} />}
      {!receivers.absent && <Receivers asked={receivers} />}
      <Resolved />
      {presets && <MakeSilence presets={presets} close={() => setPresets(null)} made={() => { setPresets(null); silences.again(); }} />}
    </Frame>
  );
}

/** What one may want to silence of an incident. */
export function presetsOf({ root, alerts: firing }: Incident): Preset[] {
  const first = firing[0]!;
  return [
    { words: `All that comes from ${root}`, matchers: [{ field: 'root', op: '=', value: root }] },
    { words: `All of ${first.service}`, matchers: [{ field: 'service', op: '=', value: first.service }] },
    { words: `${first.service}: ${alertText(first.kind)}`, matchers: [{ field: 'service', op: '=', value: first.service }, { field: 'kind', op: '=', value: first.kind }] },
  ];
}

function Frame({ silences, orders, head, children }: {
  silences: Parameters<typeof IncidentCard>[0]['silences'];
  orders: Pick<Orders, 'silence'>;
  head?: preact.ComponentChildren;
  children: preact.ComponentChildren;
}) {
  const list = incidents.value;
  const [seen, setSeen] = useState<Incident | null>(null);
  const meant = parameter('incident');
  const gone = meant !== '' && !list.some((incident) => incident.id === meant);
  useEffect(() => {
    if (gone) setParameters({ incident: '' }); // it is over
  }, [gone]);
  return (
    <div class="page alerts">
      <header class="lists-head">
        <h1>Alerts</h1>
        <p class="muted spread" role="status">{told(list)}</p>
      </header>
      {parameter('at') !== '' && <p class="alerts-now">Alerts are shown as they are now, not as they were at the time that you look at elsewhere.</p>}
      {head}
      {alerts.error.value !== '' && <p class="lists-wrong" role="alert">The alerts could not be asked for, what you see may be old: {alerts.error.value}</p>}
      {list.length === 0 && <p class="alerts-well"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="m2.5 8.5 3.6 3.6 7.4-8" /></svg>Nothing fires.</p>}
      {list.map((incident) => <IncidentCard key={incident.id} incident={incident} silences={silences} orders={may('operator') ? { acknowledge: setSeen, ...orders } : null} meant={incident.id === meant} />)}
      {alerts.more.value && <p class="muted">More fires than is shown here: these are the newest alerts.</p>}
      {children}
      {seen && <Acknowledge incident={list.find((incident) => incident.id === seen.id) ?? seen} close={() => setSeen(null)} />}
    </div>
  );
}

function told(list: readonly Incident[]): string {
  const loud = list.filter((incident) => incident.loud).length;
  if (board.connection.value !== 'live') return 'not live: new ones are missing';
  if (list.length === 0) return '';
  const incidents = (n: number) => (n === 1 ? 'one incident' : `${n} incidents`);
  return loud === 0 ? `${incidents(list.length)}, acknowledged or silenced` : loud === list.length ? `${incidents(loud)} to acknowledge` : `${incidents(list.length)}, ${loud} of them to acknowledge`;
}
