import { useMemo, useRef, useState } from 'preact/hooks';

import { api, ApiError } from '../../api';
import { board, entries } from '../../live/live';
import { Dialog } from '../../parts/dialog';
import type { FieldMessage, NewToken, Role } from '../../wire';
import { said } from '../time/said';
import { ends, matches, patterns, request, roleWords, wrongOf, wrongs, type Form } from './form';

const begin: Form = { name: '', role: 'viewer', services: '', ends: '90d', endsAt: null };

/** Asks for what a new token is to be. */
export function CreateToken({ close, made }: { close: () => void; made: (token: NewToken) => void }) {
  const [form, setForm] = useState(begin);
  const [bad, setBad] = useState<FieldMessage[]>([]);
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(false);
  const element = useRef<HTMLFormElement>(null);
  const change = (part: Partial<Form>) => {
    setForm((before) => ({ ...before, ...part }));
    setBad((before) => before.filter((one) => !Object.keys(part).some((key) => one.field.startsWith(key === 'endsAt' || key === 'ends' ? 'expires_at' : key))));
  };
  const refuse = (wrong: FieldMessage[]) => {
    setBad(wrong);
    queueMicrotask(() => element.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  };
  const send = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = wrongs(form, board.now());
    if (wrong.length > 0) return refuse(wrong);
    setBusy(true);
    setFailed('');
    try {
      made(await api.createToken(request(form, board.now())));
    } catch (err) {
      const fields = err instanceof ApiError ? err.fields : [];
      if (fields.length > 0) refuse(fields);
      if (fields.length === 0 || fields.some((one) => !/^(name|role|services|expires_at)/.test(one.field))) setFailed(err instanceof Error ? err.message : String(err));
    } finally {
      setBusy(false);
    }
    return undefined;
  };
  return (
    <Dialog title="Make a token" close={close}>
      <form ref={element} class="stack" onSubmit={(event) => void send(event)} noValidate>
        <Field name="name" label="Name" wrong={wrongOf(bad, 'name')}>
          {(props) => <input {...props} autofocus value={form.name} autocomplete="off" placeholder="deploys, the wall in the office" onInput={(event) => change({ name: event.currentTarget.value })} />}
        </Field>
        <Field name="role" label="Role" wrong={wrongOf(bad, 'role')} hint={roleWords[form.role]}>
          {(props) => (
            <select {...props} value={form.role} onChange={(event) => change({ role: event.currentTarget.value as Role })}>
              {(Object.keys(roleWords) as Role[]).map((role) => <option key={role} value={role}>{role}</option>)}
            </select>
          )}
        </Field>
        <Field name="services" label="Services" wrong={wrongOf(bad, 'services')} hint={<Matched text={form.services} />}>
          {(props) => <textarea {...props} rows={2} class="mono" value={form.services} spellcheck={false} placeholder="all; or names and patterns: wallet_*, *_cache" onInput={(event) => change({ services: event.currentTarget.value })} />}
        </Field>
        <Field name="expires_at" label="It ends" wrong={wrongOf(bad, 'expires_at')} hint={form.ends === 'never' ? 'A token without an end is one that somebody must remember.' : ''}>
          {(props) => (
            <span class="row">
              <select {...props} value={form.ends} onChange={(event) => change({ ends: event.currentTarget.value })}>
                {ends.map((end) => <option key={end.name} value={end.name}>{end.words}</option>)}
                <option value="at">at …</option>
              </select>
              {form.ends === 'at' && <input aria-label="The day on which it ends" placeholder="2027-01-31 18:00" autocomplete="off" onInput={(event) => change({ endsAt: said(event.currentTarget.value, board.now()) })} />}
            </span>
          )}
        </Field>
        {failed && <p class="lists-wrong" role="alert">No token was made: {failed}</p>}
        <footer class="row tokens-foot">
          <button type="button" class="button" onClick={close}>Cancel</button>
          <button type="submit" class="button primary" disabled={busy}>{busy ? 'Making …' : 'Make it'}</button>
        </footer>
      </form>
    </Dialog>
  );
}

interface Control {
  id: string;
  'aria-invalid': boolean;
  'aria-describedby': string;
}

function Field({ name, label, wrong, hint = '', children }: {
  name: string;
  label: string;
  wrong: string;
  hint?: preact.ComponentChildren;
  children: (props: Control) => preact.ComponentChild;
}) {
  const id = `tokens-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-invalid': wrong !== '', 'aria-describedby': `${id}-more` })}
      <small id={`${id}-more`} class={wrong ? 'wrong' : 'muted'}>{wrong || hint}</small>
    </div>
  );
}

/** Which of the services that there are the patterns mean. */
function Matched({ text }: { text: string }) {
  const list = patterns(text);
  const names = useMemo(() => [...entries.peek().keys()].sort(), []);
  if (list.length === 0) return <>all services, also those to come</>;
  const found = names.filter((name) => list.some((pattern) => matches(pattern, name)));
  if (found.length === 0) return <>none of the {names.length} services at present</>;
  return <>{found.length} of {names.length} services at present: {found.slice(0, 5).join(', ')}{found.length > 5 && ' …'}</>;
}
