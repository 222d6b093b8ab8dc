import { useMemo, useState } from 'preact/hooks';

import { board, now } from '../../live/live';
import { When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import { moment } from '../../route';
import type { Instance } from '../../wire';
import { choices, filtered, inOrder, isCurrent, nameOf, runText, told, type Instances, type Only } from './instances';
import { InstanceTable } from './instancetable';
import { useInstances } from './useinstances';
import './instances.css';

const late = 15_000; // milliseconds; what is older says so
const fewest = 20; // so many are looked through without a filter

/** Which processes have the service, and how it is in each. */
export function InstancesTab({ service }: { service: string }) {
  const data = useInstances(service);
  board.version.value;
  return <InstancesShown data={data} version={board.entries.get(service)?.config_version ?? 0} />;
}

/** What was answered, and what is to be said of it. */
export function InstancesShown({ data, version }: { data: Pick<Instances, 'list' | 'error' | 'at' | 'changed'>; version: number }) {
  const [list, error, at] = [data.list.value, data.error.value, data.at.value];
  return (
    <div class="stack">
      {moment.value !== null && <p class="svc-note">The instances are shown as they are now: how each was at that moment is not kept.</p>}
      {error !== '' && (
        <p class="svc-alert row" role="alert">
          <span>The instances cannot be loaded: {error}.{list && <> What you see is as of <When at={at} />.</>}</span>
          <button type="button" class="button" onClick={() => data.changed()}>Try again</button>
        </p>
      )}
      {list === null && error === '' && <p class="muted">Loading …</p>}
      {list?.length === 0 && (
        <p>No instance is connected. A program joins its breaker with package agent and a token of the role agent; what the service was is kept.</p>
      )}
      {list && list.length > 0 && <Listed list={list} version={version} at={error === '' ? at : 0} />}
    </div>
  );
}

function Listed({ list, version, at }: { list: readonly Instance[]; version: number; at: number }) {
  const [text, setText] = useState('');
  const [only, setOnly] = useState<Only>('');
  const time = now.value;
  const turn = Math.floor(time / 5_000); // who is gone for long moves down
  const sorted = useMemo(() => inOrder(list, time), [list, turn]);
  const filters = list.length > fewest;
  const shown = useMemo(() => (filters ? filtered(sorted, text, only, version, time) : sorted), [sorted, filters, text, only, version]);
  return (
    <>
      <p>
        {told(list, time)}. {runText(list, version)}
        {at > 0 && time - at > late && <span class="muted"> As of <When at={at} />.</span>}
      </p>
      {filters && (
        <div class="row svc-filters">
          <label class="svc-filter">Find <input type="search" value={text} placeholder="a name, a program, a node" onInput={(e) => setText(e.currentTarget.value)} /></label>
          <label class="svc-filter">Which
            <select value={only} onChange={(e) => setOnly(e.currentTarget.value as Only)}>
              {choices.map((c) => <option key={c.name} value={c.name}>{c.words}</option>)}
            </select>
          </label>
          <span class="muted" role="status">{shown.length < list.length && `${shown.length} of ${list.length}`}</span>
        </div>
      )}
      {shown.length === 0 ? <p class="muted">No instance is like that.</p> : <InstanceTable list={shown} version={version} now={time} />}
    </>
  );
}

const mostNamed = 20;

/** On the page of the config: who runs it, and who refuses it with why. */
export function RunsWhere({ service, version }: { service: string; version: number }) {
  const data = useInstances(service);
  return <Runs list={data.list.value} error={data.error.value} version={version} />;
}

export function Runs({ list, error, version }: { list: readonly Instance[] | null; error: string; version: number }) {
  const now = useMemo(() => Date.now(), [list]);
  if (list === null) return error === '' ? null : <p class="svc-alert" role="alert">Which of its instances run it is not known: {error}.</p>;
  if (list.length === 0) return <p class="muted">No instance is connected that could run it.</p>;
  const sorted = inOrder(list, now);
  const refused = sorted.filter((one) => one.config_error !== null);
  const others = sorted.filter((one) => one.config_error === null && !isCurrent(one, version));
  return (
    <div class="inst-runs">
      <p>{runText(list, version)}</p>
      {refused.length > 0 && (
        <ul aria-label="Instances that refused a config">
          {refused.slice(0, mostNamed).map((one) => (
            <li key={one.instance}><b><Outside text={nameOf(one)} /></b> goes on with {ownVersion(one)}, for it refused a newer one: <Outside text={one.config_error ?? ''} /></li>
          ))}
        </ul>
      )}
      {refused.length > mostNamed && <p class="muted">and {refused.length - mostNamed} more that refused it</p>}
      {others.length > 0 && (
        <p class="muted">
          Not yet: {others.slice(0, mostNamed).map((one, i) => <span key={one.instance}>{i > 0 && ', '}<Outside text={nameOf(one)} /> ({ownVersion(one)})</span>)}
          {others.length > mostNamed && ` and ${others.length - mostNamed} more`}
        </p>
      )}
    </div>
  );
}

const ownVersion = (one: Instance): string => (one.config_version > 0 ? `version ${one.config_version}` : 'what its code says');
