import { useState } from 'preact/hooks';

import { acknowledge } from './acknowledge';
import { shortSpan } from './format';
import { board, incidents, may, now } from './live/live';
import { dependText, rootStands, type Incident } from './live/incidents';
import { tell } from './parts/notice';
import { isolated, Outside } from './parts/outside';
import { SeverityShape } from './parts/severity';
import { moment, path } from './route';
import { alertText } from './words';
import './banner.css';

const lines = 2;

/** What fires and was not seen by anybody, above every page: a line for an incident, two lines at most. */
export function Banner() {
  const loud = incidents.value.filter((incident) => incident.loud);
  const shown = path.value === '/alerts' ? [] : loud.slice(0, lines); // there all of it is on the page
  return (
    <>
      <span class="hidden-visually" role="status">{loud.length > 0 && `${loud.length === 1 ? 'An incident' : `${loud.length} incidents`} to acknowledge: ${loud.slice(0, lines).map((one) => one.root).join(', ')}`}</span>
      {shown.length > 0 && (
        <section class="banner" aria-label="What is to be acknowledged">
          <ul>
            {shown.map((incident, i) => <Line key={incident.id} incident={incident} others={loud.length - i - 1} last={i === shown.length - 1} />)}
          </ul>
        </section>
      )}
    </>
  );
}

function Line({ incident, others, last }: { incident: Incident; others: number; last: boolean }) {
  const [busy, setBusy] = useState(false);
  const press = async () => {
    setBusy(true);
    try {
      await acknowledge(incident);
      // The button goes with its line: who has a keyboard goes on where the page begins.
      setTimeout(() => document.activeElement === document.body && document.getElementById('main')?.focus({ preventScroll: true }), 50);
    } catch (err) {
      tell('bad', `The alerts of ${isolated(incident.root)} were not acknowledged: ${err instanceof Error ? err.message : String(err)}`);
    } finally {
      setBusy(false);
    }
  };
  const first = incident.alerts[0]!;
  const depend = dependText(incident);
  const stands = rootStands(incident, board.entries.get(incident.root)?.status);
  return (
    <li class={`banner-line on-${incident.severity}`}>
      <a href={`/alerts?incident=${encodeURIComponent(incident.id)}`}>
        <SeverityShape severity={incident.severity} />
        {moment.value !== null && <span>now:</span>}
        <b><Outside text={incident.root} /></b>
        <span class="banner-what">{stands === 'alert' ? alertText(first.kind) : <>{stands === 'well' ? 'is well again, and not yet' : 'fails, and with it'} <Outside text={first.service} /></>}</span>
        <span class="banner-since"><span class="hidden-visually">since </span>{shortSpan(now.value - incident.since)}</span>
        {incident.seen ? <span class="banner-new">{incident.unseen} new<span class="banner-depend"> since <Outside text={incident.seen.by} /> saw it</span></span> : depend && <span class="banner-depend">{depend}</span>}
        <span class="banner-open" aria-hidden="true">Look ›</span>
      </a>
      {others > 0 && <a class={last ? 'banner-more' : 'banner-more narrow'} href="/alerts" aria-label={`and ${others} more`}><span>and </span>{others} more</a>}
      {may('operator') && <button type="button" class="button" disabled={busy} aria-label={`Acknowledge ${incident.root}`} onClick={() => void press()}>Acknowledge</button>}
    </li>
  );
}
