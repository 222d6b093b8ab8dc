import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import './dialog.css';

/** A modal dialog: Escape and the close button call `close`; the focus goes back to where it was. */
export function Dialog({ title, close, children, wide = false }: {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={ref} class={wide ? 'dialog wide' : 'dialog'} aria-label={title} onClose={close}>
      <header class="row">
        <h2 class="spread">{title}</h2>
        <button type="button" class="button quiet" aria-label="Close" onClick={() => ref.current?.close()}>✕</button>
      </header>
      {children}
    </dialog>
  );
}
