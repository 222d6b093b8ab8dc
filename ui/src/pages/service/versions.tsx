import { useEffect, useRef, useState } from 'preact/hooks';

import { api, ApiError } from '../../api';
import { may } from '../../live/live';
import { Dialog } from '../../parts/dialog';
import { tell } from '../../parts/notice';
import { When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import { moment } from '../../route';
import type { ConfigVersion, Entry } from '../../wire';
import { Buttons, Reason } from './actions';
import { message, type ServiceData } from './data';
import { Diff } from './diff';
import { byField, differences } from './fields';

const firstShown = 8;

/** Every version with who, when and why; any two side by side; and the way back to one. */
export function Versions({ data, entry }: { data: ServiceData; entry: Entry }) {
  const all = data.versions.value;
  const [pair, setPair] = useState<{ before: number; after: number } | null>(null);
  const [back, setBack] = useState<ConfigVersion | null>(null);
  const [shown, setShown] = useState(firstShown);
  const diff = useRef<HTMLDivElement>(null);
  useEffect(() => diff.current?.scrollIntoView({ block: 'nearest' }), [pair]);
  const find = (n: number) => all.find((v) => v.version === n);
  const file = all.find((v) => v.actor === 'file');
  const differs = entry.source === 'file' && entry.config_differs_from_file;
  const [before, after] = pair ? [find(pair.before), find(pair.after)] : [];
  return (
    <section class="stack" aria-labelledby="svc-versions-title">
      <h3 id="svc-versions-title">Versions</h3>
      {differs && (
        <div class="svc-note row">
          <span class="spread">The config in force is not what the config file says.</span>
          {file && <button type="button" class="button" onClick={() => setPair({ before: file.version, after: entry.config_version })}>Compare with the file</button>}
          {file && may('admin') && <button type="button" class="button" disabled={moment.value !== null} onClick={() => setBack(file)}>Go back to the file’s …</button>}
        </div>
      )}
      <div class="scroll-x" tabIndex={0} role="region" aria-label="The list of versions">
        <table class="svc-versions">
          <thead><tr><th scope="col">Version</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">Why</th><th scope="col">Changed</th><th scope="col"><span class="hidden-visually">What to do</span></th></tr></thead>
          <tbody>
            {all.slice(0, shown).map((v) => {
              const previous = find(v.version - 1);
              const changed = previous ? differences(previous.config, v.config).map((d) => d.name) : [];
              return (
                <tr key={v.version} class={v.version === entry.config_version ? 'is-on' : ''}>
                  <th scope="row">{v.version}{v.version === entry.config_version && <span class="svc-tag">in force</span>}</th>
                  <td><When at={v.at} /></td>
                  <td><Outside text={v.actor} /></td>
                  <td class="svc-wrap">{v.reason ? <Outside text={v.reason} /> : <span class="muted">–</span>}</td>
                  <td class="svc-wrap mono">{previous ? changed.join(', ') || 'nothing' : <span class="muted">–</span>}</td>
                  <td class="svc-row-buttons">
                    {previous && <button type="button" class="button quiet" onClick={() => setPair({ before: v.version - 1, after: v.version })} aria-label={`Diff of version ${v.version}`}>Diff</button>}
                    {may('admin') && v.version !== entry.config_version && <button type="button" class="button quiet" disabled={moment.value !== null} aria-label={`Roll back … to version ${v.version}`} onClick={() => setBack(v)}>Roll back …</button>}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {all.length > shown && <div><button type="button" class="button" onClick={() => setShown(shown + 50)}>Older versions</button></div>}
      {all.length > 1 && (
        <div class="row svc-compare">
          <span>Compare</span>
          <Pick all={all} value={pair?.before ?? all[1]!.version} label="the older version" set={(n) => setPair({ before: n, after: pair?.after ?? all[0]!.version })} />
          <span>with</span>
          <Pick all={all} value={pair?.after ?? all[0]!.version} label="the newer version" set={(n) => setPair({ before: pair?.before ?? all[1]!.version, after: n })} />
          {!pair && <button type="button" class="button" onClick={() => setPair({ before: all[1]!.version, after: all[0]!.version })}>Show</button>}
        </div>
      )}
      {before && after && <div ref={diff}><Diff before={before.config} after={after.config} heads={[`version ${before.version}`, `version ${after.version}`]} /></div>}
      {back && <Back entry={entry} to={back} close={() => setBack(null)} done={() => void data.loadVersions()} />}
    </section>
  );
}

function Pick({ all, value, label, set }: { all: readonly ConfigVersion[]; value: number; label: string; set: (n: number) => void }) {
  return (
    <select aria-label={label} value={String(value)} onChange={(e) => set(Number(e.currentTarget.value))}>
      {all.map((v) => <option key={v.version} value={String(v.version)}>{v.version}, by {v.actor}</option>)}
    </select>
  );
}

function Back({ entry, to, close, done }: { entry: Entry; to: ConfigVersion; close: () => void; done: () => void }) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ text: string; reason?: string[] | undefined } | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const now = await api.rollBack(entry.service, to.version, reason);
      tell('good', `Version ${now.version} of ${entry.service} is in force: the settings of version ${to.version}.`);
      done();
      close();
    } catch (err) {
      setError({ text: message(err), reason: err instanceof ApiError ? byField(err.fields).get('reason') : undefined });
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Roll back to version ${to.version}`} close={close} wide>
      <form class="stack" onSubmit={submit}>
        <Diff before={entry.config} after={to.config} heads={[`version ${entry.config_version}, in force`, `version ${to.version}`]} />
        <p class="muted">It becomes a new version with these settings; the versions between stay in the list.</p>
        <Reason value={reason} set={setReason} wrong={error?.reason} />
        {error && <p class="svc-alert" role="alert">{error.text}</p>}
        <Buttons busy={busy} word="Roll back" close={close} />
      </form>
    </Dialog>
  );
}
