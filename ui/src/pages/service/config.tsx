import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

import { api } from '../../api';
import { worded } from '../../format';
import { may, now } from '../../live/live';
import { Shape } from '../../parts/badge';
import { When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import { moment } from '../../route';
import type { Config, ConfigInForce, Entry } from '../../wire';
import { ConfigForm } from './configform';
import { message, type ServiceData } from './data';
import { byField, fields, groups, isUsual, rangeText, shown, usualOf, type Field } from './fields';
import { RunsWhere } from './instancetab';
import { Versions } from './versions';
import './config.css';

/** The config: what is in force, the form that changes it, and its versions. */
export function ConfigTab({ data, entry, editing, edit }: { data: ServiceData; entry: Entry; editing: boolean; edit: (on: boolean) => void }) {
  const [force, setForce] = useState<ConfigInForce | null>(null);
  const [error, setError] = useState('');
  const past = moment.value !== null;

  useEffect(() => {
    if (past) return;
    setError('');
    api.config(entry.service).then(setForce, (err: unknown) => setError(message(err)));
  }, [entry.service, entry.config_version, past]);

  const current = !past && force?.version === entry.config_version ? force : null;
  const warnings = byField(current?.warnings ?? []);
  return (
    <div class="stack">
      <div class="row">
        <p>
          Version <b>{entry.config_version}</b>
          {current && <span class="muted"> by <Outside text={current.updated_by} />, <When at={current.updated_at} />{current.reason && <>: “<Outside text={current.reason} />”</>}</span>}
        </p>
        <span class="spread" />
        {may('admin') && !editing && (
          <button type="button" class="button" disabled={past || !current} title={past ? 'Not while you look at the past' : undefined} aria-keyshortcuts="e" onClick={() => edit(true)}>Edit …<kbd>e</kbd></button>
        )}
      </div>
      {entry.source === 'agent' && !past && <RunsWhere service={entry.service} version={entry.config_version} />}
      {error && <p class="svc-alert" role="alert">The config cannot be loaded: {error}</p>}
      {editing && force && !past ? <ConfigForm service={entry.service} start={force} version={entry.config_version} data={data} close={() => edit(false)} /> : <InForce config={entry.config} warnings={warnings} />}
      <Versions data={data} entry={entry} />
    </div>
  );
}

/** The settings by group; each with what it means, and what stands at its right. */
export function Settings({ config, children }: { config: Config; children: (field: Field) => ComponentChildren }) {
  return (
    <div class="svc-settings">
      {groups.map((group) => (
        <div key={group} role="group" aria-labelledby={`svc-group-${group.toLowerCase().replace(' ', '-')}`}>
          <h3 id={`svc-group-${group.toLowerCase().replace(' ', '-')}`}>{group}</h3>
          {fields.filter((f) => f.group === group).map((f) => (
            <div key={f.name} class={isUsual(f, config) ? 'svc-setting' : 'svc-setting is-set'}>
              <div class="svc-setting-what">
                <code id={`svc-name-${f.name}`}>{f.name}</code>
                <p id={`svc-about-${f.name}`} class="muted">{f.meaning} <span class="svc-range">{rangeText(f)}</span></p>
              </div>
              {children(f)}
              <p class="svc-usual muted">default {f.derivedWords ? <>{shown(f, usualOf(f, config))}<span class="svc-line">as {f.derivedWords}</span></> : shown(f, f.usual)}</p>
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}

function InForce({ config, warnings }: { config: Config; warnings: Map<string, string[]> }) {
  return (
    <Settings config={config}>
      {(f) => (
        <div class="svc-value">
          <b>{shown(f, config[f.name])}</b>
          {f.kind === 'ms' && config[f.name] !== 0 && <span class="muted"> {String(config[f.name] ?? '')} ms</span>}
          <Warnings list={warnings.get(f.name)} />
        </div>
      )}
    </Settings>
  );
}

export function Warnings({ list, wrong = false, id }: { list: string[] | undefined; wrong?: boolean; id?: string }) {
  if (!list) return null;
  return (
    <div id={id}>
      {list.map((text) => (
        <p key={text} class={wrong ? 'svc-warning is-wrong' : 'svc-warning'}><Shape status={wrong ? 'unhealthy' : 'degraded'} /> <span><span class="hidden-visually">{wrong ? 'wrong: ' : 'warning: '}</span>{worded(text, now.peek())}</span></p>
      ))}
    </div>
  );
}
