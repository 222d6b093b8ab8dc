import { computed, signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface Key {
  /** As KeyboardEvent.key has it: '/', 'ArrowDown', 'Enter'; or two, one after the other: 'g m'. */
  key: string;
  does: string;
  run: (event: KeyboardEvent) => void;
}

interface Holder {
  list: Key[];
}

const holders = signal<Holder[]>([]);

/** The keys that work at present, for the help. */
export const keys = computed<Key[]>(() => {
  const seen = new Set<string>();
  return holders.value.flatMap((holder) => holder.list).filter((key) => !seen.has(key.key) && seen.add(key.key));
});

/** Makes keys work while the component is on the page; those of a page come before those of what is around it. */
export function useKeys(list: Key[], { around = false } = {}): void {
  const holder = useRef<Holder>({ list });
  holder.current.list = list;
  useLayoutEffect(() => { // what is seen can be used
    const mine = holder.current;
    holders.value = around ? [...holders.peek(), mine] : [mine, ...holders.peek()];
    return () => {
      holders.value = holders.peek().filter((other) => other !== mine);
    };
  }, []);
}

const takesText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

let first = { key: '', at: 0 };

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector('dialog[open]')) return; // a dialog has keys of its own
  if (takesText(event.target) && event.key !== 'Escape') return;
  // A button or a link keeps what its own keys do.
  if (event.key === 'Enter' && event.target instanceof HTMLElement && /^(BUTTON|A|SUMMARY)$/.test(event.target.tagName)) return;
  const two = Date.now() - first.at < 1_500 ? `${first.key} ${event.key}` : '';
  first = { key: event.key, at: Date.now() };
  const list = holders.peek().flatMap((holder) => holder.list);
  (list.find((key) => key.key === two) ?? list.find((key) => key.key === event.key))?.run(event);
}

window.addEventListener('keydown', pressed);
