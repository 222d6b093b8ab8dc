import { useEffect, useState } from 'preact/hooks';

import { api } from '../../api';
import { count, duration, share, span } from '../../format';
import { board, shownAt } from '../../live/live';
import { Shape } from '../../parts/badge';
import { When } from '../../parts/moment';
import { isolated, Outside } from '../../parts/outside';
import { moment, travel } from '../../route';
import { eventText, modeWords, ruleText, serviceKinds, stateWords } from '../../words';
import type { CircuitState, Config, Entry, Mode, ServiceEvent } from '../../wire';
import { message, type ServiceData } from './data';
import { EventLine } from './eventline';
import { exactly } from './fields';
import { changesBefore, configThen, justBefore, measures, opener, openings, retries, tries, type Attempt, type Measure, type Opening } from './story';

const firstShown = 3;

/** The story of each opening, the newest first. */
export function Openings({ data, entry }: { data: ServiceData; entry: Entry | undefined }) {
  const [shown, setShown] = useState(firstShown);
  const [error, setError] = useState('');
  const until = moment.value ?? Infinity;
  const all = openings(data.events.value.filter((e) => Date.parse(e.at) <= until));
  const more = async () => {
    setShown(shown + 5);
    if (shown + 5 < all.length || data.older.value === null) return;
    try {
      await data.loadOlder();
    } catch (err) {
      setError(message(err));
    }
  };
  if (all.length === 0) {
    return (
      <div class="stack">
        {data.eventsError.value && <p class="svc-alert" role="alert">The events cannot be loaded: {data.eventsError.value}</p>}
        <p class="muted">{data.eventsError.value ? '' : data.eventsFrom.value === Infinity ? 'Loading …' : data.older.value === null ? 'The circuit has never opened.' : 'The circuit has not opened lately.'}</p>
        {data.older.value !== null && <div><button type="button" class="button" onClick={() => void more()}>Look further back</button></div>}
      </div>
    );
  }
  return (
    <div class="stack">
      {all.slice(0, shown).map((o) => <Card key={o.key} opening={o} data={data} entry={entry} />)}
      {(all.length > shown || data.older.value !== null) && (
        <div><button type="button" class="button" onClick={() => void more()}>Older openings</button></div>
      )}
      {error && <p class="svc-alert" role="alert">{error}</p>}
    </div>
  );
}

function Card({ opening: o, data, entry }: { opening: Opening; data: ServiceData; entry: Entry | undefined }) {
  const { begin, end } = o;
  const opened = opener(o);
  const version = configThen(opened ?? begin, data.versions.value);
  const going = !end && !o.lost;
  const titleId = `svc-story-${o.since}`;
  return (
    <article class={going ? 'card svc-story is-on' : 'card svc-story'} aria-labelledby={titleId}>
      <header class="row">
        <h3 id={titleId}><Shape status={going ? 'circuit_open' : 'unknown'} /> {title(o)}</h3>
        <span class="muted"><When at={o.since} />{end ? <> to <When at={end.at} /></> : o.lost ? '; its end was not kept' : moment.value === null ? ' until now' : ' and still then'}</span>
        <span class="spread" />
        <button type="button" class="button" onClick={() => travel(o.since + 1)}>Travel to this moment</button>
      </header>
      {!o.lost && <Lasted opening={o} data={data} entry={entry} />}
      <div class="svc-story-parts">
        <section>
          <h4>Why</h4>
          {begin.kind === 'override' && <p>{begin.actor ? <Outside text={begin.actor} /> : 'Somebody'} forced it open: “<Outside text={begin.reason ?? ''} />”</p>}
          {!opened && o.partial && <p class="muted">What opened it is older than what is loaded.</p>}
          {!opened && !o.partial && begin.to === 'half_open' && <p>A recovery was ordered{begin.actor && <> by <Outside text={begin.actor} /></>}{begin.reason && <>: “<Outside text={begin.reason} />”</>}; nothing had opened it.</p>}
          {opened && <First event={opened} config={version?.config ?? null} />}
          {opened && version && <p class="muted">judged by config version {version.version}</p>}
          <Latest opening={o} first={errorIn(opened)} />
        </section>
        <section>
          <h4>Just before</h4>
          <Before opening={o} data={data} entry={entry} />
        </section>
        <section>
          <h4>Recovery</h4>
          <Steps opening={o} />
        </section>
      </div>
    </article>
  );
}

/** How long it was, and what it cost. */
function Lasted({ opening: o, data, entry }: { opening: Opening; data: ServiceData; entry: Entry | undefined }) {
  const to = o.end ? Date.parse(o.end.at) : shownAt.value;
  const [n, failed] = [tries(o), retries(o).failed];
  return (
    <p class="svc-story-line">
      {o.end ? 'It took' : 'It has been'} <b>{span(to - o.since)}</b>
      {o.end && (o.end.to === 'closed' ? ' until the circuit was closed again' : ` until it was ${modeWords[o.end.to as Mode] ?? 'over'}`)}
      {n > 0 && <>, with {n === 1 ? 'one recovery attempt' : `${n} recovery attempts`}{failed > 0 && (n === 1 ? ', which failed' : `, ${failed === n ? 'all' : failed} of which failed`)}</>}
      <Rejected opening={o} service={data.service} entry={entry} />.
    </p>
  );
}

const errorIn = (e: ServiceEvent | null): string => {
  const error = e?.evidence?.['last_error'];
  return typeof error === 'string' ? error : '';
};

/** What opened it at first. */
function First({ event, config }: { event: ServiceEvent; config: Config | null }) {
  const error = errorIn(event);
  return (
    <>
      {event.evidence?.['rule'] === 'all_instances'
        ? <p>{event.reason || 'All its instances were open'}: each is judged by its own window.</p>
        : <Measures event={event} config={config} />}
      {error !== '' && <><p class="muted">Last error before it opened</p><pre class="svc-error"><Outside text={error} /></pre></>}
    </>
  );
}

/** Why the last of its recoveries failed, where it says more than the opening does. */
function Latest({ opening, first }: { opening: Opening; first: string }) {
  const { failed, latest } = retries(opening);
  if (!latest) return null;
  const error = errorIn(latest);
  return (
    <>
      <p>{failed === 1 ? 'The recovery failed' : `The latest of ${failed} failed recoveries`}: {ruleText(latest.evidence?.['rule'])}{error !== '' && error === first && ', with the same error'}</p>
      {error !== '' && error !== first && <pre class="svc-error"><Outside text={error} /></pre>}
    </>
  );
}

function title(o: Opening): string {
  const opened = opener(o);
  if (o.begin.kind === 'override') return `forced open by ${o.begin.actor ? isolated(o.begin.actor) : 'somebody'}`;
  if (!opened) return eventText(o.begin);
  return `opened: ${ruleText(opened.evidence?.['rule']) || 'for a reason that was not kept'}`;
}

const measureWords: Record<Measure['name'], string> = {
  failures: 'failures in the window', rate: 'of the operations failed', operations: 'operations in the window',
  consecutive: 'failures in a row', slow: 'of the operations were slow',
};

function Measures({ event, config }: { event: ServiceEvent; config: Config | null }) {
  const window = Number(config?.['monitoringWindowMs'] ?? 0);
  const successes = Number(event.evidence?.['successes'] ?? 0);
  return (
    <>
      <ul class="svc-measures">
        {measures(event, config).map((m) => (
          <li key={m.name} class={m.decisive ? 'is-decisive' : ''}>
            <span><b>{m.share ? share(m.value) : count(m.value)}</b> {measureWords[m.name]}</span>
            <span class="muted">{m.threshold > 0 ? `${m.name === 'operations' ? 'at least' : 'opens at'} ${m.share ? share(m.threshold) : count(m.threshold)}` : ''}</span>
            {m.threshold > 0 && <Meter measure={m} />}
          </li>
        ))}
      </ul>
      <p class="muted">{count(successes)} succeeded{window > 0 ? `, within ${exactly(window)}` : ''}</p>
    </>
  );
}

/** How far a number is to its threshold, which stands at two thirds. */
function Meter({ measure: m }: { measure: Measure }) {
  const full = Math.min(1, (m.value / m.threshold) * (2 / 3));
  return <span class={m.reached ? 'svc-meter is-reached' : 'svc-meter'} aria-hidden="true"><span style={{ width: `${(100 * full).toFixed(1)}%` }} /></span>;
}

/** What changed in the minutes before: asked for when the card is drawn. */
function Before({ opening, data, entry }: { opening: Opening; data: ServiceData; entry: Entry | undefined }) {
  const [others, setOthers] = useState<ServiceEvent[] | null>(null);
  const [error, setError] = useState('');
  const dependencies = entry?.dependencies.join() ?? '';
  useEffect(() => {
    const abort = new AbortController();
    const at = opening.since;
    const [since, until] = [new Date(at - justBefore).toISOString(), new Date(at).toISOString()];
    Promise.all(dependencies.split(',').filter(Boolean).slice(0, 20).map((service) => api.events({ service, kind: serviceKinds.join(','), since, until, limit: 50 }, abort.signal)))
      .then((pages) => setOthers(pages.flatMap((p) => p.items)), (err: unknown) => { if (!abort.signal.aborted) { setOthers([]); setError(message(err)); } });
    return () => abort.abort();
  }, [opening.key, dependencies]);
  if (others === null) return <p class="muted">Loading …</p>;
  const { list, more } = changesBefore(opening, [...data.events.value, ...others], data.service);
  const at = opening.since;
  return (
    <>
      {error && <p class="svc-alert">Of its dependencies nothing could be loaded: {error}</p>}
      {list.length === 0 && <p class="muted">Nothing that was noticed, of it and what it depends on, in the {justBefore / 60_000} minutes before.</p>}
      <ul class="svc-before">
        {list.map((e) => (
          <li key={e.service + e.at + e.kind}><span class="muted svc-ahead">{lastedWords(at - Date.parse(e.at))} before</span><EventLine event={e} of={data.service} /></li>
        ))}
      </ul>
      {more > 0 && <p class="muted">and {more} more in the {justBefore / 60_000} minutes before</p>}
    </>
  );
}

/** How many operations were rejected meanwhile, where it was kept. */
function Rejected({ opening, service, entry }: { opening: Opening; service: string; entry: Entry | undefined }) {
  const [known, setKnown] = useState<{ sum: number; then: number } | null>(null);
  const [from, to] = [new Date(opening.since).toISOString(), opening.end?.at ?? (moment.value === null ? undefined : new Date(moment.value).toISOString())];
  useEffect(() => {
    setKnown(null);
    if (to !== undefined && Date.parse(to) - Date.parse(from) < 1_000) return undefined;
    const abort = new AbortController();
    const then = board.entries.get(service)?.operations.rejected ?? 0;
    api.series(service, { from, ...(to ? { to } : {}) }, abort.signal).then(
      (series) => setKnown({ sum: series.points.reduce((n, p) => n + p.rejected, 0), then }),
      () => undefined, // it is left out
    );
    return () => abort.abort();
  }, [service, from, to]);
  if (!known) return null;
  const since = !opening.end && moment.value === null ? Math.max(0, (entry?.operations.rejected ?? known.then) - known.then) : 0;
  const n = Math.round(known.sum + since);
  return <>; {n === 0 ? 'no operation' : <b>{count(n)}</b>} {n === 0 ? 'was rejected' : n === 1 ? 'operation was rejected' : 'operations were rejected'}</>;
}

interface Step {
  at: string;
  shape: 'circuit_open' | 'degraded' | 'healthy' | 'forced' | 'unknown';
  text: string;
  more?: string | undefined;
}

function stepsOf(o: Opening): Step[] {
  const out: Step[] = [];
  const { begin } = o;
  const opened = opener(o);
  if (begin.kind === 'override') out.push({ at: begin.at, shape: 'forced', text: 'forced open' });
  else if (opened) out.push({ at: opened.at, shape: 'circuit_open', text: `opened${waits(opened)}` });
  const missing = o.partial ? tries(o) - o.attempts.length : 0;
  if (missing > 0) out.push({ at: begin.at, shape: 'unknown', text: `before this ${missing === 1 ? 'one recovery' : `${missing} recoveries`} failed, which ${missing === 1 ? 'is' : 'are'} not loaded` });
  o.attempts.forEach((a) => out.push(...attempt(a, o.opened)));
  for (const e of o.orders) {
    const to = e.kind === 'reset' ? `reset to ${stateWords[e.to as CircuitState] ?? e.to ?? ''}`
      : e.kind === 'override' && e.to !== 'auto' ? (modeWords[e.to as Mode] ?? '') : e.kind === 'override' ? 'override ended' : 'override expired';
    out.push({ at: e.at, shape: 'forced', text: `${to}${e.actor ? ` by ${isolated(e.actor)}` : ''}`, more: e.reason ?? undefined });
  }
  if (o.end?.kind === 'transition' && o.attempts.at(-1)?.end !== o.end) out.push({ at: o.end.at, shape: 'healthy', text: `closed: ${ruleText(o.end.evidence?.['rule'])}` });
  out.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return out.map((s, i) => (s.shape === 'circuit_open' && s.more !== undefined && s.more === errorBefore(out, i, errorIn(opened)) ? { ...s, more: undefined } : s));
}

/** The error that stands above a step: who reads on knows it. */
const errorBefore = (steps: readonly Step[], i: number, first: string): string =>
  steps.slice(0, i).findLast((s) => s.shape === 'circuit_open' && s.more !== undefined)?.more ?? first;

const waits = (e: ServiceEvent) => {
  const ms = Number(e.evidence?.['open_ms'] ?? 0);
  return ms > 0 ? `, for ${exactly(ms < 10_000 ? Math.round(ms / 100) * 100 : Math.round(ms / 1_000) * 1_000)}` : '';
};

const lastedWords = (ms: number) => (ms < 10_000 ? duration(ms) : span(ms));

function attempt({ begin, end }: Attempt, opened: ServiceEvent | null): Step[] {
  const number = Number(begin.evidence?.['recovery_attempt'] ?? 0);
  const out: Step[] = [{ at: begin.at, shape: 'degraded', text: `attempt${number > 0 ? ` ${number}` : ''}: ${ruleText(begin.evidence?.['rule'])}` }];
  if (!end) return out;
  const lasted = lastedWords(Date.parse(end.at) - Date.parse(begin.at));
  if (end.to === 'closed') out.push({ at: end.at, shape: 'healthy', text: `closed after ${lasted}: ${ruleText(end.evidence?.['rule'])}` });
  else if (end.to === 'open') {
    out.push({ at: end.at, shape: 'circuit_open', text: `${end === opened ? 'opened' : 'open again'} after ${lasted}${waits(end)}: ${ruleText(end.evidence?.['rule'])}`, more: errorIn(end) || undefined });
  }
  return out;
}

const firstSteps = 3;
const lastSteps = 8;

function Steps({ opening }: { opening: Opening }) {
  const [all, showAll] = useState(false);
  const steps = stepsOf(opening);
  const hidden = all || steps.length <= firstSteps + lastSteps + 1 ? 0 : steps.length - firstSteps - lastSteps;
  const step = (s: Step) => (
    <li key={s.at + s.text}>
      <Shape status={s.shape} />
      <span><span class="muted"><When at={s.at} /></span> {s.text}{s.more && <span class="muted svc-line svc-wrap"><Outside text={s.more} /></span>}</span>
    </li>
  );
  if (hidden === 0) return <ol class="svc-timeline">{steps.map(step)}</ol>;
  return (
    <ol class="svc-timeline">
      {steps.slice(0, firstSteps).map(step)}
      <li><Shape status="unknown" /><button type="button" class="button quiet svc-unfold" onClick={() => showAll(true)}>{hidden} more steps</button></li>
      {steps.slice(-lastSteps).map(step)}
    </ol>
  );
}
