import { api } from '../api';
import { may, session } from '../live/live';
import { When } from '../parts/moment';
import { isolated, Outside } from '../parts/outside';
import { parameter, serviceURL, setParameters } from '../route';
import type { AuditEntry } from '../wire';
import { detailsOf } from './audit/details';
import { More } from './lists/more';
import { usePages } from './lists/pager';
import { NotForYou, seesAll } from './lists/told';
import { MomentField } from './time/field';
import './lists/lists.css';
import './audit/audit.css';

/** What the audit log calls what is done. */
const actions = [
  'health check', 'reset', 'override', 'end override', 'config', 'register', 'declare', 'remove', 'report', 'create token', 'revoke token',
  'log in', 'log out', 'open stream', 'create ticket', 'list tokens', 'list audit log', 'request of another origin',
];

/** Who did what to what, from where, why and with what result. */
export function AuditPage() {
  if (!may('admin') || !seesAll()) return <NotForYou what="The audit log" role="admin" />;
  return <Audit key={session.value?.name ?? ''} />;
}

function Audit() {
  const query = { service: parameter('service'), actor: parameter('actor'), action: parameter('action'), since: parameter('since'), until: parameter('until') };
  const list = usePages<AuditEntry>(JSON.stringify(query), (cursor) => api.audit({ ...query, limit: 100, cursor }));
  const filtered = Object.values(query).some((value) => value !== '');
  const known = query.action === '' || actions.includes(query.action) ? actions : [query.action, ...actions];
  return (
    <div class="page">
      <header class="lists-head">
        <h1>Audit log</h1>
        <p class="muted spread">who did what, from where, and what came of it</p>
        <button type="button" class="button" onClick={list.again}>Load anew</button>
      </header>
      <div class="lists-filters" role="search" aria-label="Filter the audit log">
        <TextField label="Service" name="service" value={query.service} placeholder="all services" />
        <TextField label="Actor" name="actor" value={query.actor} placeholder="everybody" />
        <label class="field">
          <span>Action</span>
          <select value={query.action} onChange={(event) => setParameters({ action: event.currentTarget.value })}>
            <option value="">all actions</option>
            {known.map((action) => <option key={action} value={action}>{action}</option>)}
          </select>
        </label>
        <MomentField label="Since" at={query.since} take={(since) => setParameters({ since })} />
        <MomentField label="Before" at={query.until} take={(until) => setParameters({ until })} />
        {filtered && <button type="button" class="button" onClick={() => setParameters({ service: '', actor: '', action: '', since: '', until: '' })}>Show all</button>}
      </div>
      {list.items.length > 0 && (
        <div class="lists-table" tabIndex={0} role="region" aria-label="Audit log">
          <table class="audit-table">
            <thead><tr><th>When</th><th>Who</th><th>From</th><th>Did</th><th>To</th><th>Why</th><th>Result</th></tr></thead>
            <tbody>
              {list.items.map((line) => (
                <tr key={line.id}>
                  <td class="moment"><When at={line.at} /></td>
                  <td><button type="button" class="audit-actor" title={`Only ${isolated(line.actor)}`} onClick={() => setParameters({ actor: line.actor }, { replace: false })}><Outside text={line.actor} /></button></td>
                  <td class="mono">{line.address || '–'}</td>
                  <td>{line.action}<Details of={line} /></td>
                  <td>{line.service ? <a href={serviceURL(line.service)}>{line.service}</a> : <span class="muted">–</span>}</td>
                  <td>{line.reason ? <Outside text={line.reason} /> : <span class="muted">–</span>}</td>
                  <td class={line.result.startsWith('ok') ? '' : 'audit-refused'}>{line.result}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <More list={list} empty={filtered ? 'No line is like that.' : 'Nobody has done anything yet.'} />
    </div>
  );
}

/** What the line says beyond the action: the mode, the end, the version. */
function Details({ of }: { of: AuditEntry & { details?: unknown } }) {
  const list = detailsOf(of.details, of.result);
  if (list.length === 0) return null;
  return (
    <dl class="audit-details">
      {list.map((d) => <div key={d.name}><dt>{d.name}:</dt> <dd>{d.at !== null ? <When at={d.at} /> : <Outside text={d.text} />}</dd></div>)}
    </dl>
  );
}

function TextField({ label, name, value, placeholder }: { label: string; name: string; value: string; placeholder: string }) {
  return (
    <label class="field">
      <span>{label}</span>
      <input key={value} placeholder={placeholder} defaultValue={value} autocomplete="off" spellcheck={false} onChange={(event) => setParameters({ [name]: event.currentTarget.value.trim() })} />
    </label>
  );
}
