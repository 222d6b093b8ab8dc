import { useState } from 'preact/hooks';

import { api } from '../../api';
import { count } from '../../format';
import { may } from '../../live/live';
import { Shape } from '../../parts/badge';
import { Ago, When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import type { Receiver } from '../../wire';
import { useAsked, type Asked } from './data';
import './broken.css';

/** Whether a receiver took the last that it was sent. */
export const broken = (receiver: Pick<Receiver, 'last_error'>): boolean => receiver.last_error !== null;

export const useReceivers = (): Asked<Receiver[]> => useAsked((signal) => api.receivers(signal), 10_000);

/** Says of receivers that do not take what they are sent, where there are such. */
export function Broken({ list }: { list: readonly Receiver[] }) {
  const names = list.filter(broken);
  if (names.length === 0) return null;
  return (
    <div class="alerts-broken" role="alert">
      <Shape status="circuit_open" />
      <div>
        {names.slice(0, 5).map((one) => (
          <p key={one.name}><b><Outside text={one.name} /> does not take alerts</b>{one.waiting > 0 && `, ${count(one.waiting)} ${one.waiting === 1 ? 'waits' : 'wait'} for it`}: <Outside text={one.last_error ?? ''} /></p>
        ))}
        {names.length > 5 && <p>and {names.length - 5} more</p>}
      </div>
    </div>
  );
}

/** The same on a page that does not ask for them otherwise. */
export function BrokenReceivers() {
  return <Broken list={useReceivers().value ?? []} />;
}

/** Where alerts are sent, and how that goes. */
export function Receivers({ asked }: { asked: Asked<Receiver[]> }) {
  return (
    <section class="alerts-part" aria-labelledby="alerts-receivers">
      <header class="lists-head">
        <h2 id="alerts-receivers">Receivers</h2>
        <p class="muted spread">where alerts are sent; the numbers are since the manager started</p>
      </header>
      {asked.error !== '' && <p class="lists-wrong" role="alert">The receivers could not be asked for: {asked.error}</p>}
      {asked.value === null && asked.error === '' && <p class="muted">Loading …</p>}
      {asked.value?.length === 0 && <p class="muted alerts-none">There is none: alerts are shown here only. The section <code>alerts.receivers</code> of the config file has them.</p>}
      {asked.value && asked.value.length > 0 && (
        <div class="lists-table" tabIndex={0} role="region" aria-label="How it goes with each">
          <table class="alerts-table alerts-receivers">
            <thead><tr><th>Name</th><th class="number">Waiting</th><th class="number">Delivered</th><th class="number">Failed attempts</th><th>Last success</th><th>Last error</th>{may('operator') && <th><span class="hidden-visually">Test</span></th>}</tr></thead>
            <tbody>{asked.value.map((one) => <Row key={one.name} receiver={one} again={asked.again} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** What a number is, where the table has no head. */
const Label = ({ children }: { children: string }) => <span class="receiver-label muted"> {children}</span>;

function Row({ receiver: r, again }: { receiver: Receiver; again: () => void }) {
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<{ good: boolean; text: string } | null>(null);
  const test = async () => {
    setBusy(true);
    setResult(null);
    try {
      await api.testReceiver(r.name);
      setResult({ good: true, text: 'It took the test message.' });
    } catch (err) {
      setResult({ good: false, text: `It did not take it: ${err instanceof Error ? err.message : String(err)}` });
    }
    setBusy(false);
    again();
  };
  const lost = r.given_up + r.dropped;
  return (
    <tr class={broken(r) ? 'is-broken' : ''}>
      <td><span class="receiver-name"><Shape status={broken(r) ? 'circuit_open' : r.last_success_at === null ? 'unknown' : 'healthy'} /><b><Outside text={r.name} /></b></span> <small class="muted">{r.kind}</small></td>
      <td class={r.waiting === 0 ? 'number is-none' : 'number'} data-name="waiting">{count(r.waiting)}<Label>waiting</Label></td>
      <td class="number" data-name="delivered"><span>{count(r.delivered)}</span><Label>delivered</Label></td>
      <td class={r.failed === 0 && lost === 0 ? 'number is-none' : 'number'} data-name="failed">{count(r.failed)}<Label>failed attempts</Label>{lost > 0 && <small class="receiver-lost">{count(lost)} never told</small>}</td>
      <td class={r.last_success_at === null ? 'moment is-none' : 'moment'}>{r.last_success_at === null ? <span class="muted">none yet</span> : <><span class="receiver-label muted">last success </span><When at={r.last_success_at} /></>}</td>
      <td class="receiver-error">
        {broken(r) ? <><span class="receiver-bad"><Outside text={r.last_error ?? ''} /></span>{r.last_error_at !== null && <small class="muted"> <Ago at={r.last_error_at} /></small>}</> : <span class="muted">{r.last_error_at === null ? <span class="receiver-none">none</span> : <>works again; it last failed at <When at={r.last_error_at} /></>}</span>}
        <span role="status">{result && <span class={result.good ? 'receiver-result is-healthy' : 'receiver-result is-circuit_open'}><Outside text={result.text} /></span>}</span>
      </td>
      {may('operator') && <td class="alerts-do"><button type="button" class="button" disabled={busy} aria-label={`Test ${r.name}`} onClick={() => void test()}>{busy ? 'Sending …' : 'Test'}</button></td>}
    </tr>
  );
}
