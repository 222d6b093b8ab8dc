import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { api, ApiError } from '../../api';
import { Dialog } from '../../parts/dialog';
import { tell } from '../../parts/notice';
import { isolated } from '../../parts/outside';
import type { Config, ConfigInForce } from '../../wire';
import { Buttons, Reason } from './actions';
import { Settings, Warnings } from './config';
import { Conflict } from './conflict';
import { message, type ServiceData } from './data';
import { Diff } from './diff';
import { byField, differences, exactly, fields, fromText, toText, type Field } from './fields';

type Draft = Record<string, string>;

const draftOf = (config: Config): Draft => Object.fromEntries(fields.map((f) => [f.name, toText(f, config)]));

/** What the draft says, over what the form does not know. */
function read(base: Config, draft: Draft): { config: Config; errors: Map<string, string[]> } {
  const config: Config = { ...base };
  const errors = new Map<string, string[]>();
  for (const f of fields) {
    const r = fromText(f, draft[f.name] ?? '');
    if (r.error !== undefined) errors.set(f.name, [r.error]);
    else config[f.name] = r.value;
  }
  return { config, errors };
}

interface Tried {
  warnings: Map<string, string[]>;
  errors: Map<string, string[]>;
  note: string;
}

const untried: Tried = { warnings: new Map(), errors: new Map(), note: '' };

const pause = 350; // milliseconds without a key before a draft is tried

/** The form of a config. It starts from a version; when another one comes meanwhile, the two are joined. */
export function ConfigForm({ service, start, version, data, close }: {
  service: string;
  start: ConfigInForce;
  /** That in force now. */
  version: number;
  data: ServiceData;
  close: () => void;
}) {
  const [base, setBase] = useState(start);
  const [draft, setDraft] = useState(() => draftOf(start.config));
  const [tried, setTried] = useState<Tried>(untried);
  const [theirs, setTheirs] = useState<ConfigInForce | null>(null);
  const [review, setReview] = useState(false);
  const { config, errors } = useMemo(() => read(base.config, draft), [base, draft]);
  const changed = differences(base.config, config);
  const key = JSON.stringify([base.version, config]);

  useEffect(() => {
    setTried(untried);
    if (errors.size > 0 || changed.length === 0) return undefined;
    let current = true;
    const timer = setTimeout(() => {
      api.tryConfig(service, base.version, config).then(
        (r) => current && setTried({ warnings: byField(r.warnings), errors: new Map(), note: '' }),
        (err: unknown) => {
          if (!current || (err instanceof ApiError && err.status === 412)) return; // the other version is on its way
          const wrong = byField(err instanceof ApiError ? err.fields : []);
          setTried({ warnings: new Map(), errors: wrong, note: wrong.size > 0 ? '' : `It could not be tried: ${message(err)}` });
        },
      );
    }, pause);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key]);

  // From a key the form may be out of sight.
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.scrollIntoView({ block: 'nearest' });
    form.current?.querySelector<HTMLElement>('input, select')?.focus({ preventScroll: true });
  }, []);

  // Somebody put another version in force.
  const catchUp = () => api.config(service).then((c) => { if (c.version > base.version) setTheirs(c); }, () => undefined);
  useEffect(() => {
    if (version > base.version) void catchUp();
  }, [version, base.version]);

  useEffect(() => {
    if (changed.length === 0) return undefined;
    const stay = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', stay);
    return () => window.removeEventListener('beforeunload', stay);
  }, [changed.length > 0]);

  const save = async (reason: string) => {
    const saved = await api.setConfig(service, base.version, config, reason);
    tell('good', `Config version ${saved.version} of ${service} is in force.`);
    void data.loadVersions();
    close();
  };
  const wrong = (f: Field) => errors.get(f.name) ?? tried.errors.get(f.name);
  const ready = changed.length > 0 && errors.size === 0 && tried.errors.size === 0 && !theirs;
  return (
    <form ref={form} class="stack svc-form" aria-label={`Config of ${service}`} onSubmit={(e) => { e.preventDefault(); if (ready) setReview(true); }}>
      {theirs && (
        <Conflict base={base} mine={config} theirs={theirs} take={(joined) => {
          setBase(theirs);
          setDraft(draftOf(joined));
          setTheirs(null);
        }} />
      )}
      <Settings config={config}>
        {(f) => (
          <div class="svc-value">
            <Input field={f} text={draft[f.name] ?? ''} config={config} wrong={wrong(f) !== undefined} warned={tried.warnings.has(f.name)}
              set={(text) => setDraft((d) => ({ ...d, [f.name]: text }))} />
            {changed.some((d) => d.name === f.name) && <span class="svc-changed">changed</span>}
            <Warnings list={wrong(f)} wrong id={`svc-wrong-${f.name}`} />
            <Warnings list={wrong(f) ? undefined : tried.warnings.get(f.name)} id={`svc-warn-${f.name}`} />
          </div>
        )}
      </Settings>
      {tried.note && <p class="svc-alert" role="alert">{tried.note}</p>}
      <div class="row svc-save">
        <span class={theirs ? 'spread' : 'muted spread'}>{theirs ? `${isolated(theirs.updated_by)} saved version ${theirs.version} meanwhile: see the top of the form.` : standing(changed.length, new Set([...errors.keys(), ...tried.errors.keys()]).size)}</span>
        <button type="button" class="button" onClick={close}>Cancel</button>
        <button type="submit" class="button primary" disabled={!ready}>Review …</button>
      </div>
      {review && (
        <Review base={base} config={config} warnings={tried.warnings} close={() => setReview(false)} save={save} conflict={() => { setReview(false); void catchUp(); }} />
      )}
    </form>
  );
}

/** How far one is with the form. */
function standing(changed: number, wrong: number): string {
  if (wrong > 0) return wrong === 1 ? 'One value cannot be so: see above.' : `${wrong} values cannot be so: see above.`;
  if (changed === 0) return 'Nothing is changed yet.';
  return changed === 1 ? 'One setting is changed.' : `${changed} settings are changed.`;
}

function Input({ field: f, text, config, wrong, warned, set }: { field: Field; text: string; config: Config; wrong: boolean; warned: boolean; set: (text: string) => void }) {
  const about = [`svc-about-${f.name}`, wrong ? `svc-wrong-${f.name}` : '', warned ? `svc-warn-${f.name}` : ''].filter(Boolean).join(' ');
  const shared = { 'aria-labelledby': `svc-name-${f.name}`, 'aria-describedby': about, 'aria-invalid': wrong };
  if (f.kind === 'flag') {
    return (
      <select {...shared} value={text === 'false' ? 'false' : 'true'} onChange={(e) => set(e.currentTarget.value)}>
        <option value="true">on</option>
        <option value="false">off</option>
      </select>
    );
  }
  const derived = f.derived && text.trim() === '' ? f.derived(config) : null;
  const hint = f.derived ? String(f.derived(config)) : Array.isArray(f.usual) ? 'none' : String(f.usual ?? '');
  const r = fromText(f, text);
  const ms = f.kind === 'ms' && typeof r.value === 'number' ? r.value : null;
  return (
    <span class="svc-input">
      <input type="text" {...shared} inputMode={f.kind === 'shares' ? 'text' : 'decimal'} autocomplete="off" spellcheck={false} value={text} placeholder={hint} onInput={(e) => set(e.currentTarget.value)} />
      {f.kind === 'ms' && <span class="muted">ms</span>}
      {derived !== null && <span class="muted">{exactly(derived)}, as derived</span>}
      {ms !== null && <span class="svc-human">{f.off && ms === 0 ? 'off' : exactly(ms)}</span>}
    </span>
  );
}

/** What will change, before it does, and why. */
function Review({ base, config, warnings, close, save, conflict }: {
  base: ConfigInForce;
  config: Config;
  warnings: Map<string, string[]>;
  close: () => void;
  save: (reason: string) => Promise<void>;
  conflict: () => void;
}) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ text: string; reason?: string[] | undefined } | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    event.stopPropagation();
    setBusy(true);
    setError(null);
    try {
      await save(reason);
    } catch (err) {
      if (err instanceof ApiError && err.status === 412) return conflict();
      setError({ text: message(err), reason: err instanceof ApiError ? byField(err.fields).get('reason') : undefined });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title="Change the config" close={close} wide>
      <form class="stack" onSubmit={submit}>
        <Diff before={base.config} after={config} heads={[`version ${base.version}, in force`, 'yours']} />
        {warnings.size > 0 && (
          <div>
            <h3>Legal, but</h3>
            {[...warnings].map(([name, list]) => <Warnings key={name} list={list.map((text) => `${name}: ${text}`)} />)}
          </div>
        )}
        <p class="muted">State, totals and window stay as they are; the next failure is judged by the new rule.</p>
        <Reason value={reason} set={setReason} wrong={error?.reason} />
        {error && <p class="svc-alert" role="alert">{error.text}</p>}
        <Buttons busy={busy} word={`Save as version ${base.version + 1}`} close={close} />
      </form>
    </Dialog>
  );
}
