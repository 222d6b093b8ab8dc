import { useState } from 'preact/hooks';

import { acknowledge } from '../../acknowledge';
import type { Incident } from '../../live/incidents';
import { Dialog } from '../../parts/dialog';
import { isolated } from '../../parts/outside';

/** Says what follows, may take a word for the audit log, and acknowledges. */
export function Acknowledge({ incident, close }: { incident: Incident; close: () => void }) {
  const [reason, setReason] = useState('');
  const [wrong, setWrong] = useState('');
  const [busy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      await acknowledge(incident, reason.trim());
      close();
    } catch (err) {
      setWrong(err instanceof Error ? err.message : String(err));
      setBusy(false);
    }
  };
  const { seen, unseen: n } = incident;
  return (
    <Dialog title={`Acknowledge ${isolated(incident.root)}`} close={close}>
      <form class="stack" onSubmit={(event) => void send(event)}>
        <p>You say that somebody looks after {seen ? `${n === 1 ? 'the alert that is' : `the ${n} alerts that are`} new` : n === 1 ? 'this alert' : `these ${n} alerts`}. The incident stays here, and is not told again unless it gets worse.</p>
        <div class="field">
          <label for="alerts-ack-reason">Reason</label>
          <input id="alerts-ack-reason" autofocus value={reason} maxLength={1024} autocomplete="off" placeholder="if you like: for the audit log" onInput={(event) => setReason(event.currentTarget.value)} />
        </div>
        {wrong !== '' && <p class="lists-wrong" role="alert">It was not acknowledged: {wrong}</p>}
        <footer class="row dialog-foot">
          <button type="button" class="button" onClick={close}>Cancel</button>
          <button type="submit" class="button primary" disabled={busy}>{busy ? 'One moment …' : 'Acknowledge'}</button>
        </footer>
      </form>
    </Dialog>
  );
}
