import { useEffect } from 'preact/hooks';

import { keys } from './keys';
import { Dialog } from './parts/dialog';
import './help.css';

const names: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', Enter: '↵', ' ': 'Space' };

/** The keys that work on the present page. */
export function Help({ close }: { close: () => void }) {
  useEffect(() => {
    const again = (event: KeyboardEvent) => event.key === '?' && close();
    window.addEventListener('keydown', again);
    return () => window.removeEventListener('keydown', again);
  }, []);
  return (
    <Dialog title="Keys" close={close}>
      <dl class="help">
        {keys.value.filter((key) => key.does !== '').map((key) => (
          <div key={key.key}>
            <dt>{key.key.split(' ').map((one, i) => <span key={i}>{i > 0 && <span class="muted"> then </span>}<kbd>{names[one] ?? one}</kbd></span>)}</dt>
            <dd>{key.does}</dd>
          </div>
        ))}
      </dl>
      <p class="help-bars muted">
        <span>The bars are the last five minutes:</span><span><i class="good" /> succeeded</span><span><i class="failed" /> failed</span><span><i class="rejected" /> refused</span>
      </p>
    </Dialog>
  );
}
