import { useEffect, useState } from 'preact/hooks';

/**
 * Puts a text on the clipboard. On plain http a page has no clipboard of its
 * own: then what is selected is copied as with the keyboard, from the field
 * that shows it, or from one that is there for a moment only.
 */
export async function copyText(text: string, field?: HTMLInputElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // not here, or not allowed: see below
  }
  const shown = field ?? document.createElement('input');
  if (!field) {
    shown.value = text;
    shown.setAttribute('aria-hidden', 'true');
    shown.className = 'hidden-visually';
    (document.querySelector('dialog[open]') ?? document.body).append(shown);
  }
  const before = document.activeElement;
  shown.focus({ preventScroll: true });
  shown.select();
  let done = false;
  try {
    done = document.execCommand('copy');
  } catch {
    // the selection stays, and the keyboard copies it
  }
  if (!field) {
    shown.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  }
  return done;
}

/** Copies, and says that it has; where it could not, the field is selected and the words say what to press. */
export function CopyButton({ text, words, field, className = 'button' }: {
  text: () => string;
  words: string;
  field?: () => HTMLInputElement | null;
  className?: string;
}) {
  const [result, setResult] = useState<'' | 'copied' | 'selected' | 'failed'>('');
  useEffect(() => {
    if (result === '') return undefined;
    const timer = setTimeout(() => setResult(''), 4_000);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = async () => {
    const shown = field?.() ?? null;
    const done = await copyText(text(), shown);
    setResult(done ? 'copied' : shown ? 'selected' : 'failed');
  };
  const told = { '': words, copied: 'Copied ✓', selected: 'Selected: press Ctrl+C', failed: 'Not copied' }[result];
  return (
    <>
      <button type="button" class={className} onClick={() => void copy()}>{told}</button>
      <span class="hidden-visually" role="status">{result === '' ? '' : told}</span>
    </>
  );
}
