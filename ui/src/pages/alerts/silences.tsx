import { useState } from 'preact/hooks';

import { api, ApiError } from '../../api';
import { many, span } from '../../format';
import { alerts, now } from '../../live/live';
import { When } from '../../parts/moment';
import { tell } from '../../parts/notice';
import { orderly, Outside } from '../../parts/outside';
import type { Matcher, Silence } from '../../wire';
import type { Asked } from './data';
import { matcherText, opText, standing } from './words';

/** Who wants to hear nothing of what, and until when. */
export function Silences({ asked, make, may }: { asked: Asked<Silence[]>; make: () => void; may: boolean }) {
  const all = asked.value ?? [];
  const of = (status: Silence['status']) => all.filter((silence) => standing(silence, now.value) === status);
  const expired = of('expired').reverse();
  const there = [...of('active').sort((a, b) => Date.parse(a.ends_at) - Date.parse(b.ends_at)), ...of('pending').sort((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at))];
  return (
    <section class="alerts-part" aria-labelledby="alerts-silences">
      <header class="lists-head">
        <h2 id="alerts-silences">Silences</h2>
        <p class="muted spread">while one holds, what it covers is shown and nobody is told</p>
        {may && <button type="button" class="button" aria-keyshortcuts="s" onClick={make}>Silence … <kbd>s</kbd></button>}
      </header>
      {asked.error !== '' && <p class="lists-wrong" role="alert">The silences could not be asked for: {asked.error}</p>}
      {asked.value === null && asked.error === '' && <p class="muted">Loading …</p>}
      {asked.value !== null && there.length === 0 && <p class="muted alerts-none">Nothing is silenced.</p>}
      {there.length > 0 && <ul class="silences">{there.map((silence) => <Line key={silence.id} silence={silence} again={asked.again} may={may} />)}</ul>}
      {expired.length > 0 && (
        <details class="silences-over">
          <summary>{many(expired.length, 'silence')} that {expired.length === 1 ? 'is' : 'are'} over</summary>
          <ul class="silences">{expired.slice(0, 200).map((silence) => <Line key={silence.id} silence={silence} again={asked.again} may={false} />)}</ul>
        </details>
      )}
    </section>
  );
}

/** What a silence covers, as its parts. */
export function Matchers({ list }: { list: readonly Matcher[] }) {
  return (
    <span class="matchers">
      {list.map((one, i) => <span key={i} class="matcher" title={orderly(matcherText(one))}>{one.field} <i>{opText(one.op)}</i> <b class="mono"><Outside text={one.value} /></b></span>)}
    </span>
  );
}

function Line({ silence, again, may }: { silence: Silence; again: () => void; may: boolean }) {
  const [busy, setBusy] = useState(false);
  const status = standing(silence, now.value);
  const covers = alerts.firing.value.filter((alert) => alert.silenced_by.includes(silence.id)).length;
  const end = async () => {
    setBusy(true);
    try {
      await api.endSilence(silence.id);
      tell('good', status === 'pending' ? 'The silence is called off.' : 'The silence has ended: what still fires is told.');
    } catch (err) {
      if (err instanceof ApiError && (err.status === 409 || err.status === 404)) tell('good', 'The silence was over already.');
      else tell('bad', `The silence was not ended: ${err instanceof Error ? err.message : String(err)}`);
    }
    setBusy(false);
    again();
  };
  return (
    <li class={`silence is-${status}`}>
      <span class="silence-state">
        <b>{status}</b>
        {status === 'active' && <span>for {span(Date.parse(silence.ends_at) - now.value)}</span>}
        {status === 'pending' && <span>starts in {span(Date.parse(silence.starts_at) - now.value)}</span>}
      </span>
      <span class="silence-what">
        <Matchers list={silence.matchers} />
        <span><Outside text={silence.reason} /> <span class="muted">– <Outside text={silence.author} /></span></span>
        <span class="muted"><When at={silence.starts_at} /> to <When at={silence.ends_at} />{status === 'active' && `, covers ${covers === 0 ? 'nothing that fires now' : many(covers, 'firing alert')}`}</span>
      </span>
      {may && <button type="button" class="button" disabled={busy} onClick={() => void end()} aria-label={orderly(`${status === 'pending' ? 'Call off' : 'End now'}: ${silence.matchers.map(matcherText).join(' and ')}`)}>{status === 'pending' ? 'Call off' : 'End now'}</button>}
    </li>
  );
}
