import type { ComponentChild, ComponentChildren, JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';

import { ApiError } from '../api';
import type { FieldMessage } from '../wire';

const isOf = (field: string, name: string): boolean => field === name || field.startsWith(`${name}[`) || field.startsWith(`${name}.`);

/** The messages for a field; the manager may name a part of it, as `services[2]`. */
export const wrongOf = (bad: readonly FieldMessage[], name: string): string =>
  bad.filter((one) => isOf(one.field, name)).map((one) => one.message).join(' ');

/** The messages that are left when what they were said of is changed. */
export const left = (bad: readonly FieldMessage[], touched: readonly string[]): FieldMessage[] =>
  bad.filter((one) => !touched.some((name) => isOf(one.field, name)));

/** What goes wrong in a form, and how it is sent. */
export interface Asking<F> {
  form: F;
  change: (part: Partial<F>) => void;
  bad: FieldMessage[];
  /** Why it was refused, where no field can say it. */
  failed: string;
  busy: boolean;
  props: Pick<JSX.IntrinsicElements['form'], 'ref' | 'onSubmit' | 'noValidate'>;
}

/** A form that is looked at before it is sent, and that the manager may refuse field by field. */
export function useForm<F extends object>({ begin, touches, wrongs, send }: {
  begin: F;
  /** The fields, as the manager names them, of which each part of the form says something. */
  touches: Record<keyof F, readonly string[]>;
  wrongs: (form: F) => FieldMessage[];
  send: (form: F) => Promise<void>;
}): Asking<F> {
  const [form, setForm] = useState(begin);
  const [bad, setBad] = useState<FieldMessage[]>([]);
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(false);
  const element = useRef<HTMLFormElement>(null);
  const change = (part: Partial<F>) => {
    setForm((before) => ({ ...before, ...part }));
    setBad((before) => left(before, (Object.keys(part) as (keyof F)[]).flatMap((key) => touches[key])));
    setFailed('');
  };
  const refuse = (wrong: FieldMessage[]) => {
    setBad(wrong);
    queueMicrotask(() => element.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = wrongs(form);
    if (wrong.length > 0) return refuse(wrong);
    setBusy(true);
    setFailed('');
    try {
      await send(form);
    } catch (err) {
      const told = err instanceof ApiError ? err.fields : [];
      if (told.length > 0) refuse(told);
      if (told.length === 0 || left(told, Object.values<readonly string[]>(touches).flat()).length > 0) setFailed(err instanceof Error ? err.message : String(err));
    } finally {
      setBusy(false);
    }
    return undefined;
  };
  return { form, change, bad, failed, busy, props: { ref: element, onSubmit: (event) => void submit(event), noValidate: true } };
}

interface Control {
  id: string;
  'aria-invalid': boolean;
  'aria-describedby': string;
}

/** A field with its name above, and below it what is wrong with it, or else a hint. */
export function Field({ id, label, wrong, hint = '', children }: {
  id: string;
  label: string;
  wrong: string;
  hint?: ComponentChildren;
  children: (props: Control) => ComponentChild;
}) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-invalid': wrong !== '', 'aria-describedby': `${id}-more` })}
      <small id={`${id}-more`} class={wrong ? 'wrong' : 'muted'}>{wrong || hint}</small>
    </div>
  );
}
