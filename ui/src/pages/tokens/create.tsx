import { useMemo } from 'preact/hooks';

import { api } from '../../api';
import { board, entries } from '../../live/live';
import { Dialog } from '../../parts/dialog';
import { Field, useForm, wrongOf } from '../../parts/form';
import type { NewToken, Role } from '../../wire';
import { said } from '../time/said';
import { ends, matches, patterns, request, roleWords, wrongs, type Form } from './form';

const begin: Form = { name: '', role: 'viewer', services: '', ends: '90d', endsAt: null };
const touches = { name: ['name'], role: ['role'], services: ['services'], ends: ['expires_at'], endsAt: ['expires_at'] };

/** Asks for what a new token is to be. */
export function CreateToken({ close, made }: { close: () => void; made: (token: NewToken) => void }) {
  const { form, change, bad, failed, busy, props } = useForm<Form>({
    begin, touches, wrongs: (asked) => wrongs(asked, board.now()), send: async (asked) => made(await api.createToken(request(asked, board.now()))),
  });
  return (
    <Dialog title="Make a token" close={close}>
      <form class="stack" {...props}>
        <Field id="tokens-name" label="Name" wrong={wrongOf(bad, 'name')}>
          {(control) => <input {...control} autofocus value={form.name} autocomplete="off" placeholder="deploys, the wall in the office" onInput={(event) => change({ name: event.currentTarget.value })} />}
        </Field>
        <Field id="tokens-role" label="Role" wrong={wrongOf(bad, 'role')} hint={roleWords[form.role]}>
          {(control) => (
            <select {...control} value={form.role} onChange={(event) => change({ role: event.currentTarget.value as Role })}>
              {(Object.keys(roleWords) as Role[]).map((role) => <option key={role} value={role}>{role}</option>)}
            </select>
          )}
        </Field>
        <Field id="tokens-services" label="Services" wrong={wrongOf(bad, 'services')} hint={<Matched text={form.services} />}>
          {(control) => <textarea {...control} rows={2} class="mono" value={form.services} spellcheck={false} placeholder="all; or names and patterns: wallet_*, *_cache" onInput={(event) => change({ services: event.currentTarget.value })} />}
        </Field>
        <Field id="tokens-expires_at" label="It ends" wrong={wrongOf(bad, 'expires_at')} hint={form.ends === 'never' ? 'A token without an end is one that somebody must remember.' : ''}>
          {(control) => (
            <span class="row">
              <select {...control} value={form.ends} onChange={(event) => change({ ends: event.currentTarget.value })}>
                {ends.map((end) => <option key={end.name} value={end.name}>{end.words}</option>)}
                <option value="at">at …</option>
              </select>
              {form.ends === 'at' && <input aria-label="The day on which it ends" placeholder="2027-01-31 18:00" autocomplete="off" onInput={(event) => change({ endsAt: said(event.currentTarget.value, board.now()) })} />}
            </span>
          )}
        </Field>
        {failed && <p class="lists-wrong" role="alert">No token was made: {failed}</p>}
        <footer class="row dialog-foot">
          <button type="button" class="button" onClick={close}>Cancel</button>
          <button type="submit" class="button primary" disabled={busy}>{busy ? 'Making …' : 'Make it'}</button>
        </footer>
      </form>
    </Dialog>
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
