import { useEffect, useRef } from 'preact/hooks';

import { CopyButton } from '../../parts/copy';
import { Outside } from '../../parts/outside';
import type { NewToken } from '../../wire';

/** The secret of a token that was just made; it stays until it is said to be taken. */
export function Secret({ token, done }: { token: NewToken; done: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const part = useRef<HTMLElement>(null);
  useEffect(() => {
    part.current?.focus();
    const leaving = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', leaving);
    return () => window.removeEventListener('beforeunload', leaving);
  }, []);
  return (
    <section class="card tokens-secret" ref={part} tabIndex={-1} aria-labelledby="tokens-secret">
      <h2 id="tokens-secret">The token of <Outside text={token.name} /></h2>
      <p>Copy it now. It is shown this once, and nobody can show it again.</p>
      <div class="row">
        <input ref={field} class="mono spread" readOnly value={token.token} aria-label="The secret of the token" spellcheck={false} onFocus={(event) => event.currentTarget.select()} />
        <CopyButton className="button primary" words="Copy" text={() => token.token} field={() => field.current} />
        <button type="button" class="button" onClick={done}>I have it</button>
      </div>
    </section>
  );
}
