import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import './dialog.css';

/** What takes the focus first: the part that asks for it, the first field, and of a group the choice that is made. */
function firstField(dialog: HTMLDialogElement): HTMLElement | null {
  return dialog.querySelector<HTMLElement>('[autofocus]') ??
    dialog.querySelector<HTMLElement>(':is(input, select, textarea):not([disabled], [readonly], [type=radio]:not(:checked))');
}

/**
 * A modal dialog: Escape and the close button call `close`. The focus goes to
 * its first field, else to the dialog itself, and back to where it was.
 */
export function Dialog({ title, close, children, wide = false }: {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current!;
    dialog.showModal();
    (firstField(dialog) ?? dialog).focus({ preventScroll: true }); // else it is on the cross in the corner
    dialog.scrollTop = 0;
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={ref} tabIndex={-1} class={wide ? 'dialog wide' : 'dialog'} aria-label={title} onClose={close}>
      <header class="row">
        <h2 class="spread">{title}</h2>
        <button type="button" class="button quiet" aria-label="Close" onClick={() => ref.current?.close()}>✕</button>
      </header>
      {children}
    </dialog>
  );
}
