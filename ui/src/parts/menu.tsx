import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import './menu.css';

/** A button that opens a panel below it; Escape, a click elsewhere, and the focus going elsewhere close it. */
export function Menu({ label, title, children, right = false, class: name = '' }: {
  label: ComponentChildren;
  title?: string;
  children: ComponentChildren;
  /** The panel's right edge is the button's, and not the left one. */
  right?: boolean;
  class?: string;
}) {
  const [open, setOpen] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const elsewhere = (event: Event) => {
      if (event.target instanceof Node && !ref.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener('pointerdown', elsewhere);
    document.addEventListener('focusin', elsewhere);
    return () => {
      document.removeEventListener('pointerdown', elsewhere);
      document.removeEventListener('focusin', elsewhere);
    };
  }, [open]);
  const escape = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !open) return;
    event.stopPropagation();
    setOpen(false);
    ref.current?.querySelector('button')?.focus();
  };
  return (
    <div class={`menu ${name}`} ref={ref} onKeyDown={escape}>
      <button type="button" class="button quiet" aria-expanded={open} {...(title ? { title, 'aria-label': title } : {})} onClick={() => setOpen(!open)}>
        {label}
        <svg class="menu-arrow" viewBox="0 0 10 6" aria-hidden="true"><path d="m1 1 4 4 4-4" /></svg>
      </button>
      {open && <div class={`menu-panel${right ? ' right' : ''}`} onClick={(event) => event.target instanceof Element && event.target.closest('[data-close]') && setOpen(false)}>{children}</div>}
    </div>
  );
}
