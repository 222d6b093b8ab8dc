import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError } from '../api';
import { identify, logIn, loginEnded } from '../live/live';
import { dropFragment } from '../route';
import './login.css';

/** What the log-in by a link came to, where it failed. */
const linkFailed = signal('');

/**
 * Uses the code of a log-in link, `#login=CODE`, and takes it out of the URL
 * before anything else, so that it stays in no history; the rest of the URL is
 * where one wanted to go. Without a code it asks who is logged in already.
 */
export async function begin(): Promise<void> {
  const code = new URLSearchParams(location.hash.slice(1)).get('login');
  if (code === null) {
    await identify();
    return;
  }
  dropFragment();
  try {
    await logIn({ code });
  } catch (err) {
    linkFailed.value = err instanceof ApiError && err.status === 401 ? 'The log-in link did not work: it lets in once, and for an hour.' : `The log-in link did not work: ${said(err)}.`;
    await identify();
  }
}

const said = (err: unknown): string => (err instanceof Error && err.message !== '' ? err.message.replace(/\.$/, '') : 'the manager refused it');

window.addEventListener('hashchange', () => {
  if (location.hash.startsWith('#login=')) void begin(); // the link was opened in a tab that is already here
});

export function LoginPage() {
  const [token, setToken] = useState('');
  const [wrong, setWrong] = useState('');
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = 'Log in · Switchgear';
    input.current?.focus();
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (token.trim() === '') {
      setWrong('Enter a token.');
      input.current?.focus();
      return;
    }
    setBusy(true);
    setWrong('');
    try {
      await logIn({ token: token.trim() });
    } catch (err) {
      setBusy(false);
      setWrong(explain(err));
      input.current?.select();
    }
  };
  const told = wrong || linkFailed.value;
  return (
    <main class="login">
      <form class="login-card" onSubmit={submit}>
        <h1><Mark /> Switchgear</h1>
        {loginEnded.value && !wrong && <p role="status">Your log-in has ended. Log in again, and you are back where you were.</p>}
        <div class="field">
          <label for="login-token">Token</label>
          <input
            id="login-token" ref={input} type="password" autocomplete="current-password" spellcheck={false} value={token} aria-invalid={wrong !== ''}
            aria-describedby={told ? 'login-wrong' : 'login-help'} onInput={(event) => setToken(event.currentTarget.value)}
          />
          {told && <p id="login-wrong" class="wrong" role="alert">{told}</p>}
        </div>
        <button type="submit" class="button primary" disabled={busy}>{busy ? 'Logging in …' : 'Log in'}</button>
        <p id="login-help" class="muted">
          At its first start the manager prints a link that logs you in, and keeps an admin token in the file <code>admin-token</code> of
          its data directory. An admin makes more of them: <code>switchgear token create NAME --role viewer</code>
        </p>
      </form>
    </main>
  );
}

function explain(err: unknown): string {
  if (err instanceof ApiError && err.status === 401) return 'No such token, or it has ended.';
  if (err instanceof ApiError && err.status === 403) return 'This token may not look: it is one for an agent.';
  if (err instanceof ApiError && err.status === 429) return 'Too many failed log-ins. Wait a minute.';
  return `${said(err).replace(/^./, (first) => first.toUpperCase())}.`;
}

/** The sign of the product. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M5 19h6l9-8M20 19h7" />
      <circle cx="11" cy="19" r="2.6" /><circle cx="20" cy="19" r="2.6" />
    </svg>
  );
}
