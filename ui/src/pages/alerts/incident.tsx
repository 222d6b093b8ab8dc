import { useEffect, useRef, useState } from 'preact/hooks';

import { takeBack } from '../../acknowledge';
import { span } from '../../format';
import { board, now } from '../../live/live';
import { affectsTold, rootStands, type Incident } from '../../live/incidents';
import { When } from '../../parts/moment';
import { tell } from '../../parts/notice';
import { isolated, orderly, Outside } from '../../parts/outside';
import { SeverityBadge, SeverityShape } from '../../parts/severity';
import { serviceURL } from '../../route';
import type { Alert, Silence } from '../../wire';
import { alertText } from '../../words';
import { evidenceOf, summaryText, thenURL } from './words';

const shownAffects = 12;

export interface Orders {
  acknowledge: (incident: Incident) => void;
  /** Absent where it may not be ordered. */
  silence?: (incident: Incident) => void;
}

/** An incident: what it comes from, since when, what belongs to it, and who knows. */
export function IncidentCard({ incident, silences, orders, meant = false }: {
  incident: Incident;
  silences: readonly Silence[] | null;
  /** Null: only to look at. */
  orders: Orders | null;
  /** Whether a link led to this one. */
  meant?: boolean;
}) {
  const { root, alerts, severity, since } = incident;
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!meant) return;
    ref.current?.scrollIntoView({ block: 'nearest' });
    ref.current?.focus({ preventScroll: true });
  }, [meant]);
  const first = alerts[0]!;
  const stands = rootStands(incident, board.entries.get(root)?.status);
  return (
    <article ref={ref} tabIndex={-1} class={`card incident on-${severity}${incident.loud ? ' loud' : ''}${meant ? ' meant' : ''}`} aria-label={`${root}, ${severity}`}>
      <header class="incident-head">
        <SeverityShape severity={severity} />
        <h2><a href={serviceURL(root)}><Outside text={root} /></a></h2>
        <span class={`incident-severity is-${severity}`}>{severity}</span>
        <span class="muted incident-since">since <When at={since} />, for {span(now.value - since)}</span>
      </header>
      {stands !== 'alert' && <p class="incident-summary"><Outside text={root} /> {stands === 'well' ? 'is well again; what follows is not yet.' : 'fails, and has no alert of its own yet.'}</p>}
      <p class="incident-summary"><Outside text={summaryText(first, now.value)} /></p>
      <States incident={incident} silences={silences} may={orders !== null} />
      {orders && (
        <p class="incident-do">
          {orders.silence && <button type="button" class="button" aria-label={`Silence ${root}`} onClick={() => orders.silence!(incident)}>Silence …</button>}
          {incident.unseen > 0 && <button type="button" class={incident.loud ? 'button primary' : 'button'} aria-label={`Acknowledge ${root}`} onClick={() => orders.acknowledge(incident)}>Acknowledge …</button>}
        </p>
      )}
      <ul class="incident-alerts">
        {alerts.map((alert) => <Row key={alert.id} alert={alert} incident={incident} told={first.summary} />)}
      </ul>
      <Affects incident={incident} />
    </article>
  );
}

/** Who has seen it, and who wants to hear nothing of it. */
function States({ incident, silences, may }: { incident: Incident; silences: readonly Silence[] | null; may: boolean }) {
  const { seen, unseen } = incident;
  return (
    <>
      {seen && (
        <p class={unseen === 0 ? 'incident-seen' : 'incident-seen is-new'}>
          <svg viewBox="0 0 16 16" aria-hidden="true"><path d={unseen === 0 ? 'm2.5 8.5 3.6 3.6 7.4-8' : 'M8 2.5v11M2.5 8h11'} /></svg>
          {unseen === 0 ? <span>acknowledged by <b><Outside text={seen.by} /></b> at <When at={seen.at} /></span>
            : <span><b>{unseen} new</b> since <b><Outside text={seen.by} /></b> saw it at <When at={seen.at} /></span>}
          {may && <TakeBack incident={incident} />}
        </p>
      )}
      {incident.silences.map((id) => {
        const silence = silences?.find((one) => one.id === id);
        const all = incident.alerts.every((alert) => alert.silenced_by.includes(id));
        return (
          <p key={id} class="incident-silenced"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 6h2.5L9 3v10L5.5 10H3zM11.5 6l3 4M14.5 6l-3 4" /></svg>
            <span>{all ? 'silenced' : 'partly silenced'}{silence && <> by <b><Outside text={silence.author} /></b> until <When at={silence.ends_at} />: <Outside text={silence.reason} /></>}</span></p>
        );
      })}
    </>
  );
}

/** Whoever acknowledged it does not look after it: others are called again. */
function TakeBack({ incident }: { incident: Incident }) {
  const [busy, setBusy] = useState(false);
  const press = async () => {
    setBusy(true);
    try {
      await takeBack(incident);
    } catch (err) {
      tell('bad', `It was not taken back that the alerts of ${isolated(incident.root)} are acknowledged: ${err instanceof Error ? err.message : String(err)}`);
    }
    setBusy(false);
  };
  return <button type="button" class="button quiet" disabled={busy} aria-label={`Take back that ${incident.root} is acknowledged`} title="Nobody looks after it: tell it again" onClick={() => void press()}>Take back</button>;
}

function Row({ alert, incident, told }: { alert: Alert; incident: Incident; told: string }) {
  const { words, error } = evidenceOf(alert);
  const mixed = incident.seen !== null && incident.unseen > 0;
  const quiet = alert.silenced_by.length > 0 && incident.alerts.some((other) => other.silenced_by.length === 0);
  return (
    <li>
      <span class="incident-service"><a href={thenURL(alert)} title="The service as it was when this began"><Outside text={alert.service} /></a></span>
      <span class="incident-kind"><SeverityBadge severity={alert.severity} /> {alertText(alert.kind)}{mixed && alert.acknowledged_by === null && <b class="incident-new">new</b>}</span>
      <span class="incident-why">
        {words.length > 0 && <span>{words.map((word, i) => <span key={i}>{i > 0 && ' · '}<Outside text={word} /></span>)}</span>}
        {error !== '' && !told.includes(error) && <span class="mono incident-error" title={orderly(error)}><Outside text={error} /></span>}
        {mixed && alert.acknowledged_by !== null && <span class="muted">acknowledged by <Outside text={alert.acknowledged_by} /></span>}
        {quiet && <span class="muted">silenced</span>}
      </span>
      <span class="muted incident-at"><When at={alert.starts_at} /></span>
    </li>
  );
}

function Affects({ incident: { affects } }: { incident: Incident }) {
  if (affects.length === 0) return <p class="muted incident-affects">No service depends on it.</p>;
  const names = (list: string[]) => list.map((name, i) => <span key={name}>{i > 0 && ', '}<a href={serviceURL(name)}>{name}</a></span>);
  const n = affects.length < affectsTold ? String(affects.length) : `${affectsTold} or more`;
  return (
    <div class="incident-affects">
      <p><b>{n}</b> {affects.length === 1 ? 'service depends' : 'services depend'} on it: {names(affects.slice(0, shownAffects))}</p>
      {affects.length > shownAffects && (
        <details>
          <summary>and {affects.length - shownAffects} more</summary>
          <p>{names(affects.slice(shownAffects))}</p>
        </details>
      )}
    </div>
  );
}
