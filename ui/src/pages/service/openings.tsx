import { useEffect, useState } from 'preact/hooks';

import { api } from '../../api';
import { count, duration, share, span } from '../../format';
import { board, shownAt } from '../../live/live';
import { Shape } from '../../parts/badge';
import { When } from '../../parts/moment';
import { moment, travel } from '../../route';
import { eventText, modeWords, ruleText } from '../../words';
import type { Config, Entry, Mode, ServiceEvent } from '../../wire';
import { message, type ServiceData } from './data';
import { EventLine } from './eventline';
import { exactly } from './fields';
import { changesBefore, configThen, justBefore, justAfter, measures, openings, type Attempt, type Measure, type Opening } from './story';

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
  const [from, to] = [Date.parse(begin.at), end ? Date.parse(end.at) : shownAt.value];
  const version = configThen(begin, data.versions.value);
  const forced = begin.kind === 'override';
  const lastError = begin.evidence?.['last_error'];
  const titleId = `svc-story-${from}`;
  return (
    <article class={end ? 'card svc-story' : 'card svc-story is-on'} aria-labelledby={titleId}>
      <header class="row">
        <h3 id={titleId}><Shape status={end ? 'unknown' : 'circuit_open'} /> {title(o)}</h3>
        <span class="muted"><When at={begin.at} />{end ? <> to <When at={end.at} /></> : moment.value === null ? ' until now' : ' and still then'}</span>
        <span class="spread" />
        <button type="button" class="button" onClick={() => travel(justAfter(begin))}>Travel to this moment</button>
      </header>
      <p class="svc-story-line">
        {end ? 'It took' : 'It has been'} <b>{span(to - from)}</b>{end ? ' until the circuit was closed again' : ''}
        {o.attempts.length > 0 && <>, with {o.attempts.length === 1 ? 'one recovery attempt' : `${o.attempts.length} recovery attempts`}</>}
        <Rejected opening={o} service={data.service} entry={entry} />.
      </p>
      <div class="svc-story-parts">
        <section>
          <h4>Why</h4>
          {o.partial ? <p class="muted">What opened it is older than what is loaded.</p>
            : forced ? <p>{begin.actor} forced it open: “{begin.reason}”</p>
              : begin.to === 'open' && <Measures event={begin} config={version?.config ?? null} />}
          {typeof lastError === 'string' && lastError !== '' && !forced && <><p class="muted">Last error</p><pre class="svc-error">{lastError}</pre></>}
          {version && !forced && <p class="muted">judged by config version {version.version}</p>}
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

function title({ begin, partial }: Opening): string {
  if (begin.kind === 'override') return `forced open by ${begin.actor ?? 'somebody'}`;
  if (partial) return eventText(begin);
  return `opened: ${ruleText(begin.evidence?.['rule']) || 'for a reason that was not kept'}`;
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
    const at = Date.parse(opening.begin.at);
    const [since, until] = [new Date(at - justBefore).toISOString(), new Date(at).toISOString()];
    Promise.all(dependencies.split(',').filter(Boolean).slice(0, 20).map((service) => api.events({ service, since, until, limit: 50 }, abort.signal)))
      .then((pages) => setOthers(pages.flatMap((p) => p.items)), (err: unknown) => { if (!abort.signal.aborted) { setOthers([]); setError(message(err)); } });
    return () => abort.abort();
  }, [opening.key, dependencies]);
  if (others === null) return <p class="muted">Loading …</p>;
  const { list, more } = changesBefore(opening, [...data.events.value, ...others], data.service);
  const at = Date.parse(opening.begin.at);
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
  const [from, to] = [opening.begin.at, opening.end?.at ?? (moment.value === null ? undefined : new Date(moment.value).toISOString())];
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
  shape: 'circuit_open' | 'degraded' | 'healthy' | 'forced';
  text: string;
  more?: string | undefined;
}

function stepsOf(o: Opening): Step[] {
  const out: Step[] = [];
  const { begin } = o;
  if (begin.to === 'open') out.push({ at: begin.at, shape: 'circuit_open', text: `opened${waits(begin)}` });
  else if (begin.kind === 'override') out.push({ at: begin.at, shape: 'forced', text: 'forced open' });
  o.attempts.forEach((a) => out.push(...attempt(a)));
  for (const e of o.orders) {
    const to = e.kind === 'reset' ? `reset to ${eventText({ ...e, kind: 'transition', evidence: null }).split('→ ')[1] ?? ''}`
      : e.kind === 'override' && e.to !== 'auto' ? (modeWords[e.to as Mode] ?? '') : e.kind === 'override' ? 'override ended' : 'override expired';
    out.push({ at: e.at, shape: 'forced', text: `${to} by ${e.actor ?? 'somebody'}`, more: e.reason ?? undefined });
  }
  if (o.end && o.attempts.at(-1)?.end !== o.end) out.push({ at: o.end.at, shape: 'healthy', text: `closed: ${ruleText(o.end.evidence?.['rule'])}` });
  return out.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

const waits = (e: ServiceEvent) => {
  const ms = Number(e.evidence?.['open_ms'] ?? 0);
  return ms > 0 ? `, for ${exactly(ms < 10_000 ? Math.round(ms / 100) * 100 : Math.round(ms / 1_000) * 1_000)}` : '';
};

const lastedWords = (ms: number) => (ms < 10_000 ? duration(ms) : span(ms));

function attempt({ begin, end }: Attempt): Step[] {
  const number = Number(begin.evidence?.['recovery_attempt'] ?? 0);
  const out: Step[] = [{ at: begin.at, shape: 'degraded', text: `attempt${number > 0 ? ` ${number}` : ''}: ${ruleText(begin.evidence?.['rule'])}` }];
  if (!end) return out;
  const lasted = lastedWords(Date.parse(end.at) - Date.parse(begin.at));
  if (end.to === 'closed') out.push({ at: end.at, shape: 'healthy', text: `closed after ${lasted}: ${ruleText(end.evidence?.['rule'])}` });
  else if (end.to === 'open') {
    const error = end.evidence?.['last_error'];
    out.push({ at: end.at, shape: 'circuit_open', text: `open again after ${lasted}${waits(end)}: ${ruleText(end.evidence?.['rule'])}`, more: typeof error === 'string' ? error : undefined });
  }
  return out;
}

function Steps({ opening }: { opening: Opening }) {
  return (
    <ol class="svc-timeline">
      {stepsOf(opening).map((s) => (
        <li key={s.at + s.text}>
          <Shape status={s.shape} />
          <span><span class="muted"><When at={s.at} /></span> {s.text}{s.more && <span class="muted svc-line svc-wrap">{s.more}</span>}</span>
        </li>
      ))}
    </ol>
  );
}
