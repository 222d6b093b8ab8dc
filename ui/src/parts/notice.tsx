import { signal } from '@preact/signals';

import { worded } from '../format';
import './notice.css';

interface Notice {
  id: number;
  kind: 'good' | 'bad';
  text: string;
}

const notices = signal<Notice[]>([]);
let last = 0;

/** What turns the order of letters, isolations apart: a sentence may have those around what others wrote. */
const turning = /[\u202A-\u202E]/g;

/** Tells the result of what somebody did. What went wrong stays until it is closed. */
export function tell(kind: Notice['kind'], text: string): void {
  const notice = { id: ++last, kind, text: worded(text.replace(turning, ''), Date.now()) };
  notices.value = [...notices.value.slice(-4), notice];
  if (kind === 'good') setTimeout(() => close(notice.id), 6_000);
}

const close = (id: number) => (notices.value = notices.value.filter((n) => n.id !== id));

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map((n) => (
        <div key={n.id} class={`notice ${n.kind}`}>
          <span class="spread">{n.text}</span>
          <button type="button" class="button quiet" aria-label="Close" onClick={() => close(n.id)}>✕</button>
        </div>
      ))}
    </div>
  );
}
