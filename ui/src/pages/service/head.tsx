import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';

import { CircuitBadge, Shape, StatusBadge } from '../../parts/badge';
import { Ago, Countdown, When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import { count, duration, rate, share, worded } from '../../format';
import { board, entries, now, shape, shownAt } from '../../live/live';
import { moment, parameter, serviceURL, setParameters } from '../../route';
import { census, circuitWords, downBecause, downSince, eventText, failedRecoveries, judgedApart, modeWords, ruleText, statusWords } from '../../words';
import type { CircuitBreaker, Entry, ServiceEvent } from '../../wire';
import { isOpening } from '../time/outage';
import type { ServiceData } from './data';
import { dependants } from './effects';
import { openings } from './story';

/** What began the outage that goes on, and since when: as the manager keeps it, else as the events tell. Null: it is not down. */
function outageNow(entry: Entry, events: readonly ServiceEvent[]): { at: string; because: ReturnType<typeof downBecause> } | null {
  const cb = entry.circuit_breaker;
  if (cb.state === 'closed') return null;
  if (!cb.outage) {
    const until = moment.peek() ?? Infinity;
    const opened = openings(events.filter((e) => Date.parse(e.at) <= until))[0]?.opened;
    const e = opened?.evidence;
    if (opened && e) return { at: opened.at, because: { rule: String(e['rule']), failures: Number(e['failures'] ?? 0), successes: Number(e['successes'] ?? 0), last_error: typeof e['last_error'] === 'string' ? e['last_error'] : null } };
  }
  const at = downSince(entry);
  return at ? { at, because: downBecause(entry) } : null;
}

/** Since when the circuit stands as it does; null where that was not kept. */
function since(cb: CircuitBreaker, events: readonly ServiceEvent[]): string | null {
  const last = events.find((e) => (e.kind === 'transition' || e.kind === 'override' || e.kind === 'override_expired') && Date.parse(e.at) <= shownAt.value);
  if (last) return last.at;
  return { open: cb.opened_at, half_open: cb.last_recovery_attempt, closed: cb.last_reset }[cb.state];
}

export function Head({ entry, data }: { entry: Entry; data: ServiceData }) {
  const cb = entry.circuit_breaker;
  const events = data.events.value;
  const down = useMemo(() => outageNow(entry, events), [entry, events, moment.value]);
  const start = (cb.mode === 'auto' && down?.at) || since(cb, events);
  return (
    <div class="svc-head">
      <section class={`card svc-circuit is-on-${entry.status}`} aria-label="The circuit">
        <div class="row svc-circuit-title">
          <span class="svc-status"><StatusBadge status={entry.status} /></span>
          {words(entry) && <span class="svc-state"><span class="muted">circuit</span> <CircuitBadge breaker={cb} /></span>}
          {start && <span class="muted svc-since">{cb.mode === 'auto' && down ? 'down since' : 'since'} <When at={start} />{moment.value === null && <> · <Ago at={start} /></>}</span>}
        </div>
        {entry.source === 'agent' && moment.value === null && <Many entry={entry} />}
        <Circuit entry={entry} because={down?.because ?? null} />
        {cb.state === 'closed' && cb.mode === 'auto' && <LastOpening many={judgedApart(entry)} events={events} complete={data.eventsFrom.value === -Infinity} />}
        {!cb.override && <p class="muted svc-details"><Outside text={worded(cb.details, shownAt.value)} /></p>}
      </section>
      <Figures entry={entry} data={data} />
      <div class="svc-sides">
        <HealthCard entry={entry} />
        <Around entry={entry} />
      </div>
    </div>
  );
}

/** Of a service of agents: how many have it, and how many of them refuse. */
function Many({ entry }: { entry: Entry }) {
  const { total, stale } = entry.instances;
  const wrong = census(entry.instances);
  return (
    <p class="svc-many">
      {wrong !== '' && <Shape status={entry.instances.open > 0 ? 'degraded' : 'unknown'} />}
      <span>
        {total === 0 ? 'No instance is connected' : total === 1 ? (stale > 0 ? 'Its one instance is silent' : 'One instance') : wrong !== '' ? <><b>{wrong}</b> of its instances</> : `${total} instances, none of them open`}
        {parameter('tab') !== 'instances' && <> <button type="button" class="button quiet svc-unfold" onClick={showInstances}>see {total === 1 ? 'it' : 'them'}</button></>}
      </span>
    </p>
  );
}

function showInstances(): void {
  setParameters({ tab: 'instances' });
  requestAnimationFrame(() => {
    const tab = document.getElementById('svc-tab-instances');
    tab?.focus({ preventScroll: true });
    tab?.scrollIntoView({ block: 'start' });
  });
}

/** For who comes when it is over: what it was. */
function LastOpening({ events, complete, many }: { events: readonly ServiceEvent[]; complete: boolean; many: boolean }) {
  const until = moment.value ?? Infinity;
  const e = events.find((x) => isOpening(x) && Date.parse(x.at) <= until);
  if (!e) return complete ? <p class="muted">{many ? 'As a whole it has never opened.' : 'It has never opened.'}</p> : null;
  return <p>Last opened <Ago at={e.at} />: {ruleText(e.evidence?.['rule'])}</p>;
}

/** Whether the circuit's own words say more than the status does. */
const words = (entry: Entry) => statusWords[entry.status] !== `circuit ${circuitWords(entry.circuit_breaker)}`;

/** What matters of the circuit now: why it is open and until when, how a recovery goes, what overrides it. */
function Circuit({ entry, because }: { entry: Entry; because: ReturnType<typeof downBecause> }) {
  const cb = entry.circuit_breaker;
  const failed = failedRecoveries(entry);
  return (
    <>
      {cb.override && (
        <p class="svc-override">
          <Shape status="forced" />
          <span>
            <strong>{modeWords[cb.override.mode]}</strong> by <Outside text={cb.override.actor} />: “<Outside text={cb.override.reason} />”
            <span class="svc-line">ends <When at={cb.override.expires_at} />, in <b><Countdown to={cb.override.expires_at} from={shownAt.value} /></b></span>
          </span>
        </p>
      )}
      {cb.state === 'open' && cb.next_attempt_at && cb.mode === 'auto' && <Next cb={cb} />}
      {cb.state === 'half_open' && cb.mode === 'auto' && <Recovery entry={entry} />}
      {because && (
        <div class="svc-why">
          <p><strong>Why:</strong> {ruleText(because.rule)}, {because.failures} failed and {because.successes} succeeded</p>
          {because.last_error && <pre class="svc-error"><Outside text={because.last_error} /></pre>}
          {failed > 0 && cb.trip && (
            <p>
              {failed === 1 ? 'A recovery has failed since' : `${failed} recoveries have failed since, the latest`}
              {cb.state === 'open' && cb.opened_at && <> <Ago at={cb.opened_at} /></>}: {ruleText(cb.trip.rule)}
              {cb.trip.last_error && cb.trip.last_error === because.last_error && ', with the same error'}
            </p>
          )}
          {failed > 0 && cb.trip?.last_error && cb.trip.last_error !== because.last_error && <pre class="svc-error"><Outside text={cb.trip.last_error} /></pre>}
        </div>
      )}
      {!because && cb.failures > 0 && cb.last_error && (
        <div class="svc-why">
          <p><strong>Last failure</strong> {cb.last_failure && <Ago at={cb.last_failure} />}</p>
          <pre class="svc-error"><Outside text={cb.last_error} /></pre>
        </div>
      )}
    </>
  );
}

/** The open time as a bar that fills. */
function Next({ cb }: { cb: CircuitBreaker }) {
  const [from, to] = [Date.parse(cb.opened_at ?? ''), Date.parse(cb.next_attempt_at!)];
  const done = Math.min(1, Math.max(0, (shownAt.value - from) / (to - from)));
  return (
    <div class="svc-next">
      {to > shownAt.value ? <p>Next attempt in <b class="svc-big"><Countdown to={cb.next_attempt_at!} from={shownAt.value} /></b></p> : <p>The next attempt is due.</p>}
      {Number.isFinite(done) && <div class="svc-bar" aria-hidden="true"><div style={{ width: `${(100 * done).toFixed(1)}%` }} /></div>}
    </div>
  );
}

/** How far a recovery is: the steps of admission, and when it closes. */
function Recovery({ entry }: { entry: Entry }) {
  const cb = entry.circuit_breaker;
  const steps = Array.isArray(entry.config['recoverySteps']) ? (entry.config['recoverySteps'] as number[]) : [];
  const begun = cb.closes_at !== null;
  const at = begun ? steps.findLastIndex((s) => s <= cb.admitted_share + 1e-9) : -1;
  const first = cb.awaits_health_check ? 'health check' : 'one at a time';
  const step = (key: string, words: string, i: number) => (
    <li key={key} class={i < at ? 'is-done' : i === at ? 'is-here' : ''} aria-current={i === at ? 'step' : undefined}>
      {i < at && <span class="hidden-visually">done: </span>}{words}
    </li>
  );
  return (
    <div class="svc-recovery">
      <p>
        Recovery attempt {cb.recovery_attempts}: {cb.awaits_health_check ? 'the health check is awaited; nothing is let in before it passes'
          : begun ? <><b class="svc-big">{share(cb.admitted_share)}</b> of operations are let in</> : 'one operation at a time is let in as a probe'}
      </p>
      <ol class="svc-steps" aria-label="Steps of the recovery">
        {step('first', first, -1)}
        {steps.map((s, i) => step(String(s), share(s), i))}
        {step('closed', 'closed', steps.length)}
      </ol>
      {cb.closes_at && <p class="muted">It closes at <When at={cb.closes_at} />, in <b><Countdown to={cb.closes_at} from={shownAt.value} /></b>, if nothing fails.</p>}
    </div>
  );
}

function Figures({ entry, data }: { entry: Entry; data: ServiceData }) {
  data.sampled.value;
  const cb = entry.circuit_breaker;
  const live = moment.value === null;
  const per = live && board.connection.value === 'live' ? data.samples.rate(Math.max(board.heardAt.peek(), now.value)) : null;
  const ended = per ? per.successful + per.failed : 0;
  const threshold = judgedApart(entry) ? 0 : Number(entry.config.failureThreshold ?? 0);
  return (
    <dl class="card svc-figures" aria-label={live ? 'Now' : 'Then'}>
      <Figure name="Operations" value={per ? rate(ended) : live ? '–' : count(entry.operations.total)} small={per ? (ended > 0 ? `${share(per.failed / ended)} failed` : 'none now') : live ? '' : 'in all'} badSmall={(per?.failed ?? 0) > 0} />
      <Figure name="Rejected" value={per ? rate(per.rejected) : live ? '–' : count(entry.operations.rejected)} small={live ? `${count(entry.operations.rejected)} in all` : 'in all'} bad={(per?.rejected ?? 0) > 0} />
      <Figure name="p95" value={entry.performance.p95OperationTimeMs > 0 ? duration(entry.performance.p95OperationTimeMs) : '–'}
        small={entry.performance.p50OperationTimeMs > 0 ? `p50 ${duration(entry.performance.p50OperationTimeMs)}` : ''} />
      <Figure name="Failures in window" value={threshold > 0 ? `${count(cb.failures)} of ${count(threshold)}` : count(cb.failures)} small={judgedApart(entry) ? 'of all instances' : cb.consecutive_failures > 0 ? `${count(cb.consecutive_failures)} in a row` : ''} bad={threshold > 0 && cb.failures * 2 >= threshold} />
    </dl>
  );
}

function Figure({ name, value, small, bad = false, badSmall = false }: { name: string; value: ComponentChildren; small: string; bad?: boolean; badSmall?: boolean }) {
  return (
    <div class={bad ? 'svc-figure is-bad' : badSmall ? 'svc-figure is-bad-small' : 'svc-figure'}>
      <dt>{name}</dt>
      <dd><b>{value}</b> {small && <span class="muted">{small}</span>}</dd>
    </div>
  );
}

/** What a check asks, in a few words. */
function target(check: Record<string, unknown> | null): string {
  if (!check) return '';
  for (const kind of ['http', 'tcp', 'grpc', 'command']) {
    const c = check[kind] as Record<string, unknown> | undefined;
    if (!c) continue;
    const what = c['url'] ?? c['address'] ?? c['target'] ?? c['argv'] ?? c['command'] ?? '';
    return `${kind.toUpperCase()} ${Array.isArray(what) ? what.join(' ') : String(what)}`;
  }
  return '';
}

function HealthCard({ entry }: { entry: Entry }) {
  const h = entry.health;
  const interval = Number(entry.config['healthCheckIntervalMs'] ?? 0);
  const asks = target(entry.health_check);
  return (
    <section class="card svc-side" aria-label="Health check">
      <h2>Health check</h2>
      {h.checked_at === null ? (
        <p class="muted">{moment.value !== null ? 'What it said at that moment was not kept.' : asks || entry.source === 'code' ? 'It has not run yet.' : entry.source === 'agent' ? 'None of its instances has told of one.' : 'This service has none: what is known of it, it reports itself.'}</p>
      ) : (
        <>
          <p class="row svc-tight">
            <span class={`badge is-${h.healthy ? 'healthy' : 'unhealthy'}`}><Shape status={h.healthy ? 'healthy' : 'unhealthy'} />{h.healthy ? 'passed' : 'failed'}</span>
            <span class="muted"><Ago at={h.checked_at} /> · took {duration(h.duration_ms)}</span>
          </p>
          {h.error && <pre class="svc-error"><Outside text={h.error} /></pre>}
          {h.consecutive_failures > 1 && <p>{h.consecutive_failures} failed in a row</p>}
        </>
      )}
      {asks && <p class="muted svc-wrap">{asks}</p>}
      {(asks || h.checked_at) && <p class="muted">{interval > 0 ? `every ${duration(interval)}` : 'on demand only'}</p>}
    </section>
  );
}

const mostShown = 12;

/** What it depends on and what depends on it. */
function Around({ entry }: { entry: Entry }) {
  shape.value; // a status has changed, or who depends on whom
  const all = entries.peek();
  // Through a large fleet once a second, and not with each change.
  const { direct, indirect } = useMemo(() => dependants(entry.service, all), [entry.service, now.value, moment.value, all.size]);
  return (
    <section class="card svc-side" aria-label="Dependencies">
      <h2>Depends on</h2>
      <Services names={entry.dependencies} entries={all} none="nothing" />
      <h2>Needed by</h2>
      <Services names={direct.slice(0, mostShown)} entries={all} none="nobody" />
      {direct.length > mostShown && <p class="muted">and {direct.length - mostShown} more</p>}
      {indirect.length > 0 && <p class="muted">and through them {indirect.length === 1 ? 'one more' : `${indirect.length} more`}</p>}
    </section>
  );
}

export function Services({ names, entries, none }: { names: readonly string[]; entries: ReadonlyMap<string, Entry>; none: string }) {
  if (names.length === 0) return <p class="muted">{none}</p>;
  return (
    <ul class="svc-services">
      {names.map((name) => {
        const e = entries.get(name);
        return (
          <li key={name}>
            <Shape status={e?.status ?? 'unknown'} />
            <span><a href={serviceURL(name)}>{name}</a> <span class="muted">{e ? statusWords[e.status] : 'not here'}</span></span>
          </li>
        );
      })}
    </ul>
  );
}

const recent = 120_000;

/** What somebody did of late, told to all who look. */
export function News({ data, me }: { data: ServiceData; me: string }) {
  if (moment.value !== null) return null;
  const over = data.events.value.findIndex((x) => x.kind === 'override_expired'); // the newest is first
  const e = data.events.value.find((x, i) => x.actor !== null && (x.kind === 'override' ? over < 0 || i < over : x.kind === 'reset' || x.kind === 'config_changed'));
  if (!e || now.value - Date.parse(e.at) > recent) return <div role="status" class="hidden-visually" />;
  const who = e.actor === me ? 'You' : e.actor;
  const did = {
    override: e.to === 'auto' || e.to === 'disabled' ? 'ended the override' : `set it to ${eventText(e)}`,
    reset: e.to === 'half_open' ? 'began a recovery' : 'reset the circuit',
    config_changed: 'changed the config',
  } as Record<string, string>;
  return (
    <p class="svc-news" role="status">
      <strong><Outside text={who ?? ''} /></strong> {did[e.kind]} <Ago at={e.at} />{e.reason && <span class="muted">: “<Outside text={e.reason} />”</span>}
    </p>
  );
}
