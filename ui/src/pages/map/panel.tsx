import { Ago, When } from '../../parts/moment';
import { Shape } from '../../parts/badge';
import { orderly, Outside } from '../../parts/outside';
import { moment, serviceURL } from '../../route';
import { circuitWords, downBecause, downSince, failedRecoveries, ruleText, statusWords } from '../../words';
import type { Wrong } from '../board/wrong';
import type { Entry } from '../../wire';

const named = 6; // of those that a root reaches
const listed = 40;

/** What is wrong: each root, why and since when, and whom it reaches. */
export function RootsPanel({ roots, entries, look, showOnMap }: {
  roots: readonly Wrong[];
  entries: ReadonlyMap<string, Entry>;
  look: (root: string | null) => void;
  showOnMap: (service: string) => void;
}) {
  if (roots.length === 0) {
    return (
      <section class="map-panel card" aria-label="What is wrong">
        <h2 class="map-fine"><Shape status="healthy" /> Nothing fails</h2>
        <p class="muted">No circuit is open or in recovery, and no service is unhealthy.</p>
      </section>
    );
  }
  return (
    <section class="map-panel card" aria-label="What is wrong">
      <h2>{roots.length === 1 ? 'One root of what is wrong' : `${roots.length} roots of what is wrong`}</h2>
      <ol class="map-roots">
        {roots.slice(0, listed).map((root) => {
          const entry = entries.get(root.service);
          return entry ? <RootItem key={root.service} root={root} entry={entry} entries={entries} look={look} showOnMap={showOnMap} /> : null;
        })}
      </ol>
      {roots.length > listed && <p class="muted">{roots.length - listed} more roots, which reach less.</p>}
    </section>
  );
}

function RootItem({ root, entry, entries, look, showOnMap }: {
  root: Wrong;
  entry: Entry;
  entries: ReadonlyMap<string, Entry>;
  look: (root: string | null) => void;
  showOnMap: (service: string) => void;
}) {
  const breaker = entry.circuit_breaker;
  const because = downBecause(entry);
  const since = downSince(entry);
  const failed = failedRecoveries(entry);
  const error = because?.last_error ?? breaker.last_error ?? entry.health.error;
  return (
    <li class="map-root" onMouseEnter={() => look(root.service)} onMouseLeave={() => look(null)}>
      <h3>
        <Shape status={entry.status} />
        <a href={serviceURL(root.service)} class="map-root-name" onFocus={() => look(root.service)} onBlur={() => look(null)}>{root.service}</a>
      </h3>
      <p>
        {entry.status === 'unhealthy' ? statusWords.unhealthy : circuitWords(breaker)}
        {because && breaker.mode === 'auto' && <>: {ruleText(because.rule)}</>}
        {since && <span class="muted">, down since <When at={since} />{moment.value === null && <> · <Ago at={since} /></>}</span>}
        {failed > 0 && <span class="muted">; {failed === 1 ? 'one recovery has failed' : `${failed} recoveries have failed`}</span>}
      </p>
      {error && <p class="map-error mono" title={orderly(error)}><Outside text={error} /></p>}
      <Reached root={root} entries={entries} />
      <button type="button" class="button quiet" onClick={() => showOnMap(root.service)}>Show on the map</button>
    </li>
  );
}

/** Whom a root drags down, or who would be next. */
function Reached({ root, entries }: { root: Wrong; entries: ReadonlyMap<string, Entry> }) {
  const n = root.dependents;
  if (n === 0) return <p class="muted">Nothing depends on it.</p>;
  const hurt = root.drags;
  if (hurt.length === 0) return <p class="muted">{n === 1 ? 'One depends on it, and is not worse for it yet.' : `${n} depend on it, and none is worse for it yet.`}</p>;
  return (
    <p class="map-reached">
      {hurt.length === n ? `Drags down ${n}:` : `Drags down ${hurt.length} of ${n} that depend on it:`}{' '}
      {hurt.slice(0, named).map((name) => <a key={name} href={serviceURL(name)}><Shape status={entries.get(name)?.status ?? 'unknown'} />{name}</a>)}
      {hurt.length > named && <span class="muted">and {hurt.length - named} more</span>}
    </p>
  );
}

/** What shapes and lines mean. */
export function Legend({ layers }: { layers: boolean }) {
  return (
    <details class="map-legend">
      <summary>What the map shows</summary>
      <ul>
        {(['circuit_open', 'unhealthy', 'degraded', 'unknown', 'healthy'] as const).map((status) => (
          <li key={status} class={`is-${status}`}><Shape status={status} /> {statusWords[status]}</li>
        ))}
        <li class="is-forced"><Shape status="forced" /> ordered by hand</li>
      </ul>
      <p class="muted">{layers ? 'A layer' : 'A service'} stands above what it needs. A red line leads to what fails, and moves the way the failure goes.</p>
    </details>
  );
}
