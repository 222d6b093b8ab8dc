import { useState } from 'preact/hooks';

import { api, ApiError } from '../../api';
import { session } from '../../live/live';
import { Dialog } from '../../parts/dialog';
import { tell } from '../../parts/notice';
import { isolated } from '../../parts/outside';
import type { Token } from '../../wire';

/** Asks why, says what follows, and revokes. */
export function RevokeToken({ token, close, done }: { token: Token; close: () => void; done: () => void }) {
  const [reason, setReason] = useState('');
  const [wrong, setWrong] = useState('');
  const [busy, setBusy] = useState(false);
  const revoke = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (reason.trim() === '') return setWrong('Say why: it stands in the audit log.');
    setBusy(true);
    try {
      await api.revokeToken(token.id, reason.trim());
      tell('good', `The token of ${isolated(token.name)} is revoked.`);
      done();
    } catch (err) {
      if (err instanceof ApiError && err.status === 404) {
        tell('good', `The token of ${isolated(token.name)} was revoked already.`);
        return done();
      }
      setWrong(err instanceof ApiError && err.fields[0] ? err.fields[0].message : `It was not revoked: ${err instanceof Error ? err.message : String(err)}`);
    } finally {
      setBusy(false);
    }
    return undefined;
  };
  return (
    <Dialog title={`Revoke the token of ${isolated(token.name)}?`} close={close}>
      <form class="stack" onSubmit={(event) => void revoke(event)} noValidate>
        <p>Whoever uses it is shut out within a second, and so are the log-ins that it opened. It does not come back.</p>
        {token.name === session.value?.name && <p class="lists-wrong">You are logged in under this name: if it is the token that you used, you are logged out.</p>}
        <div class="field">
          <label for="tokens-reason">Why</label>
          <input id="tokens-reason" autofocus value={reason} autocomplete="off" aria-invalid={wrong !== ''} aria-describedby="tokens-reason-more" onInput={(event) => { setReason(event.currentTarget.value); setWrong(''); }} />
          <small id="tokens-reason-more" class="wrong" role="alert">{wrong}</small>
        </div>
        <footer class="row dialog-foot">
          <button type="button" class="button" onClick={close}>Keep it</button>
          <button type="submit" class="button danger primary" disabled={busy}>{busy ? 'Revoking …' : 'Revoke it'}</button>
        </footer>
      </form>
    </Dialog>
  );
}
