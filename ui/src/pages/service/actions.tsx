import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

import { api, ApiError } from '../../api';
import { duration, local, utc } from '../../format';
import { board, entries, may, now } from '../../live/live';
import { Dialog } from '../../parts/dialog';
import { tell } from '../../parts/notice';
import { isolated } from '../../parts/outside';
import { moment } from '../../route';
import { modeWords, statusWords } from '../../words';
import type { Entry } from '../../wire';
import { message } from './data';
import { demandOf, dependants, effect, ends, isNothing, spanFrom, type Demand, type Order } from './effects';
import { byField } from './fields';
import { Services } from './head';

export type Act = 'reset' | 'override' | 'end' | null;

/** Whether the service has a check that one may order. */
const hasCheck = (e: Entry) => {
  const live = board.entries.get(e.service) ?? e; // of the past it is not kept
  return live.health_check !== null || live.health.checked_at !== null;
};

/** Runs the health check and tells what came of it. */
export async function check(service: string): Promise<{ good: boolean; text: string }> {
  try {
    const r = await api.check(service);
    const text = `Health check ${r.healthy ? 'passed' : 'failed'} in ${duration(r.duration_ms)}${r.error ? `: ${isolated(r.error)}` : ''}. ${service} is ${statusWords[r.status]}.`;
    return { good: r.healthy, text };
  } catch (err) {
    return { good: false, text: `The health check did not run: ${message(err)}` };
  }
}

export interface Result {
  good: boolean;
  text: string;
}

/** What one may do with the service, and what came of it. */
export function Actions({ entry, act, setAct, checking, runCheck, result }: {
  entry: Entry;
  act: Act;
  setAct: (act: Act) => void;
  checking: boolean;
  runCheck: () => void;
  result: Result | null;
}) {
  if (!may('operator')) return null;
  const past = moment.value !== null;
  const overridden = entry.circuit_breaker.override !== null;
  const forced = entry.circuit_breaker.mode !== 'auto';
  const why = past ? 'Not while you look at the past' : undefined;
  return (
    <div class="svc-actions">
      <div class="row">
        {hasCheck(entry) && <button type="button" class="button" disabled={past || checking} title={why} aria-keyshortcuts="c" onClick={runCheck}>{checking ? 'Checking …' : 'Check now'}<kbd>c</kbd></button>}
        <button type="button" class="button" disabled={past || forced} aria-keyshortcuts="r" onClick={() => setAct('reset')}
          title={why ?? (forced ? `Not while the mode is ${modeWords[entry.circuit_breaker.mode]}: the state stands still` : undefined)}>Reset …<kbd>r</kbd></button>
        {overridden && <button type="button" class="button" disabled={past} title={why} onClick={() => setAct('end')}>End override …</button>}
        <button type="button" class="button" disabled={past} title={why} aria-keyshortcuts="o" onClick={() => setAct('override')}>{overridden ? 'Change override …' : 'Override …'}<kbd>o</kbd></button>
      </div>
      {result && <p class={result.good ? 'svc-result' : 'svc-result is-bad'} role="status">{result.text}</p>}
      {act === 'reset' && <ResetDialog entry={entry} close={() => setAct(null)} />}
      {act === 'override' && <OverrideDialog entry={entry} close={() => setAct(null)} />}
      {act === 'end' && <EndDialog entry={entry} close={() => setAct(null)} />}
    </div>
  );
}

const againAfter = 2_000;

/** What came a second in the last minute; null while that is not known. It is asked for as long as somebody reads it: an order may wait for a reason to be typed. */
function useDemand(service: string): Demand | null {
  const [demand, set] = useState<Demand | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let first = true;
    const ask = async () => {
      try {
        const series = await api.series(service, { from: new Date(board.now() - 60_000).toISOString(), step: '1s' }, abort.signal);
        const entry = board.entries.get(service);
        const found = entry ? demandOf(series, entry) : null;
        // What has just begun is in the series a moment later: nothing is said to come only when it has been asked twice.
        set(first && found && isNothing(found) ? null : found);
        first = false;
      } catch {
        if (abort.signal.aborted) return;
        const r = board.ring(service).rate(board.now(), 60);
        set((known) => known ?? (r.operations + r.rejected > 0 ? { successful: r.operations - r.failed, failed: r.failed, ignored: 0, rejected: r.rejected, checks: 0 } : null));
      }
      timer = setTimeout(() => void ask(), againAfter);
    };
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [service]);
  return demand;
}

/** An order with its form: what it does, why it is given, and what came of it. */
function useOrder(close: () => void, give: () => Promise<string>) {
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<{ fields: Map<string, string[]>; whole: string }>({ fields: new Map(), whole: '' });
  const run = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setErrors({ fields: new Map(), whole: '' });
    try {
      tell('good', await give());
      close();
    } catch (err) {
      const fields = byField(err instanceof ApiError ? err.fields : []);
      setErrors({ fields, whole: message(err) });
    } finally {
      setBusy(false);
    }
  };
  return { busy, run, errors, setErrors };
}

export function Reason({ value, set, wrong }: { value: string; set: (v: string) => void; wrong?: string[] | undefined }) {
  return (
    <label class="field">
      <span>Reason</span>
      <input type="text" required maxLength={1024} value={value} placeholder="for the others, and for the history" aria-invalid={wrong !== undefined}
        onInput={(e) => set(e.currentTarget.value)} />
      {wrong && <span class="wrong">{wrong.join('; ')}</span>}
    </label>
  );
}

export function Buttons({ busy, word, danger = false, close, children }: { busy: boolean; word: string; danger?: boolean; close: () => void; children?: ComponentChildren }) {
  return (
    <div class="row svc-buttons">
      <span class="spread">{children}</span>
      <button type="button" class="button" onClick={close}>Cancel</button>
      <button type="submit" class={danger ? 'button primary danger' : 'button primary'} disabled={busy}>{busy ? 'One moment …' : word}</button>
    </div>
  );
}

function Effect({ order, entry, demand }: { order: Order; entry: Entry; demand: Demand | null }) {
  const { direct, indirect } = dependants(entry.service, entries.value);
  return (
    <div class="svc-effect" role="status">
      <h3>What it does</h3>
      {effect(order, entry, demand).map((line) => <p key={line}>{line}</p>)}
      {order === 'forced_open' && direct.length > 0 && (
        <>
          <p>{direct.length === 1 ? 'This one depends on it:' : `These ${direct.length} depend on it:`}</p>
          <Services names={direct.slice(0, 8)} entries={entries.value} none="" />
          {direct.length + indirect.length > Math.min(8, direct.length) && <p class="muted">and {direct.length - Math.min(8, direct.length) + indirect.length} more, some through others</p>}
        </>
      )}
      {order === 'forced_open' && direct.length === 0 && <p>No service depends on it.</p>}
    </div>
  );
}

function Choice({ name, value, at, set, title, text }: { name: string; value: string; at: string; set: (v: string) => void; title: string; text: string }) {
  return (
    <label class={value === at ? 'svc-choice on' : 'svc-choice'}>
      <input type="radio" name={name} checked={value === at} onChange={() => set(value)} />
      <span><strong>{title}</strong><span class="muted">{text}</span></span>
    </label>
  );
}

function ResetDialog({ entry, close }: { entry: Entry; close: () => void }) {
  const demand = useDemand(entry.service);
  const [to, setTo] = useState<'closed' | 'half_open'>(entry.circuit_breaker.state === 'open' ? 'half_open' : 'closed');
  const [reason, setReason] = useState('');
  const { busy, run, errors } = useOrder(close, async () => `${entry.service} was reset: ${(await api.reset(entry.service, reason, to)).details}`);
  return (
    <Dialog title={`Reset ${entry.service}`} close={close}>
      <form class="stack" onSubmit={run}>
        <fieldset class="svc-choices">
          <legend class="hidden-visually">To which state</legend>
          <Choice name="to" value="half_open" at={to} set={() => setTo('half_open')} title="Try now" text="Begin a recovery at once: half-open" />
          <Choice name="to" value="closed" at={to} set={() => setTo('closed')} title="Close" text="Let everything in at once, and clear the window" />
        </fieldset>
        <Effect order={to} entry={entry} demand={demand} />
        <Reason value={reason} set={setReason} wrong={errors.fields.get('reason')} />
        {errors.whole && <p class="svc-alert" role="alert">{errors.whole}</p>}
        <Buttons busy={busy} word={to === 'closed' ? 'Close the circuit' : 'Try now'} close={close} />
      </form>
    </Dialog>
  );
}

function OverrideDialog({ entry, close }: { entry: Entry; close: () => void }) {
  const demand = useDemand(entry.service);
  const [mode, setMode] = useState<'forced_open' | 'forced_closed'>('forced_open');
  const [reason, setReason] = useState('');
  const [end, setEnd] = useState('');
  const [custom, setCustom] = useState('');
  const ms = end === 'custom' ? spanFrom(custom) : Number(end);
  const { busy, run, errors, setErrors } = useOrder(close, async () => {
    const after = await api.override(entry.service, mode, reason, ms);
    return `${entry.service} is ${modeWords[mode]} until ${local(Date.parse(after.circuit_breaker.override?.expires_at ?? ''), now.peek())}.`;
  });
  const submit = (event: Event) => {
    event.preventDefault();
    if (ms > 0) return void run(event);
    setErrors({ fields: new Map([['ttl_ms', [end === '' ? 'say when it ends' : 'write a length of time, such as 90m or 2h 30m']]]), whole: '' });
  };
  const wrongEnd = errors.fields.get('ttl_ms');
  return (
    <Dialog title={`Override ${entry.service}`} close={close}>
      <form class="stack" onSubmit={submit} noValidate={false}>
        <fieldset class="svc-choices">
          <legend class="hidden-visually">Mode</legend>
          <Choice name="mode" value="forced_open" at={mode} set={() => setMode('forced_open')} title="Forced open" text="Refuse everything" />
          <Choice name="mode" value="forced_closed" at={mode} set={() => setMode('forced_closed')} title="Forced closed" text="Let everything in" />
        </fieldset>
        <Effect order={mode} entry={entry} demand={demand} />
        <fieldset class="svc-ends" aria-describedby={wrongEnd ? 'svc-end-wrong' : undefined}>
          <legend>Ends after</legend>
          <div class="row">
            {[...ends.map((e) => ({ name: e.name, value: String(e.ms) })), { name: 'other', value: 'custom' }].map((e) => (
              <label key={e.value} class={end === e.value ? 'svc-end on' : 'svc-end'}>
                <input type="radio" name="end" checked={end === e.value} onChange={() => { setEnd(e.value); setErrors({ fields: new Map(), whole: '' }); }} />{e.name}
              </label>
            ))}
            {end === 'custom' && <input type="text" class="svc-custom" aria-label="Ends after" placeholder="2h 30m" value={custom} onInput={(e) => setCustom(e.currentTarget.value)} />}
          </div>
          {ms > 0 && <p class="muted">at <time title={utc(now.value + ms)}>{local(now.value + ms, now.value)}</time></p>}
          {wrongEnd && <p class="wrong" id="svc-end-wrong" role="alert">{wrongEnd.join('; ')}</p>}
        </fieldset>
        <Reason value={reason} set={setReason} wrong={errors.fields.get('reason')} />
        {errors.whole && !wrongEnd && <p class="svc-alert" role="alert">{errors.whole}</p>}
        <Buttons busy={busy} word={mode === 'forced_open' ? 'Force open' : 'Force closed'} danger={mode === 'forced_open'} close={close} />
      </form>
    </Dialog>
  );
}

function EndDialog({ entry, close }: { entry: Entry; close: () => void }) {
  const demand = useDemand(entry.service);
  const [reason, setReason] = useState('');
  const { busy, run, errors } = useOrder(close, async () => {
    await api.endOverride(entry.service, reason);
    return `The override of ${entry.service} has ended.`;
  });
  return (
    <Dialog title={`End the override of ${entry.service}`} close={close}>
      <form class="stack" onSubmit={run}>
        <Effect order="end" entry={entry} demand={demand} />
        <Reason value={reason} set={setReason} wrong={errors.fields.get('reason')} />
        {errors.whole && <p class="svc-alert" role="alert">{errors.whole}</p>}
        <Buttons busy={busy} word="End it" close={close} />
      </form>
    </Dialog>
  );
}
