import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api } from './api';
import { board } from './live/live';
import { troubles } from './pages/server/figures';
import { Outside } from './parts/outside';
import { moment, path } from './route';
import type { ServerInfo } from './wire';

const every = 10_000;

/** What keeps the node that this page is from out of its work, above every page: a board that looks well may be old. */
export function Unwell() {
  const info = useSignal<ServerInfo | null>(null);
  const asked = useRef(0);
  const heard = board.heardAt.value;
  const due = path.value !== '/server' && moment.value === null && document.visibilityState === 'visible' && heard - asked.current >= every;
  useEffect(() => {
    if (!due) return;
    asked.current = heard;
    // Where it does not say, what is known stands: the connection has a sign of its own.
    api.server().then((said) => (info.value = said), () => {});
  }, [due, heard]);
  const worst = info.value === null ? undefined : troubles(info.value).find((one) => one.grave || one.missing);
  if (!worst || path.value === '/server' || moment.value !== null) return null;
  return (
    <p class={worst.grave ? 'unwell grave' : 'unwell'} role="status">
      <span><Outside text={worst.what} /></span> <a href="/server">What to do</a>
    </p>
  );
}
