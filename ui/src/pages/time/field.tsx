import { useEffect, useState } from 'preact/hooks';

import { local } from '../../format';
import { board } from '../../live/live';
import { said } from './said';

/** A field for a moment, typed as people say it; it is taken when it is left or with Enter. Empty is no moment. */
export function MomentField({ label, at, take, placeholder = '14:03, 2d ago' }: {
  label: string;
  at: string;
  take: (at: string) => void;
  placeholder?: string;
}) {
  const told = () => (at === '' || Number.isNaN(Date.parse(at)) ? '' : local(Date.parse(at), board.now()));
  const [text, setText] = useState(told);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    setText(told());
    setWrong(false);
  }, [at]);
  const done = () => {
    if (text === told()) return setWrong(false);
    const time = said(text, board.now());
    setWrong(text.trim() !== '' && time === null);
    if (text.trim() === '') take('');
    else if (time !== null) take(new Date(time).toISOString());
    return undefined;
  };
  return (
    <label class="field">
      <span>{label}</span>
      <input
        value={text} placeholder={placeholder} autocomplete="off" aria-invalid={wrong} title="A time: 14:03, yesterday 9:00, 2026-11-23 14:03, 12m ago"
        onInput={(event) => setText(event.currentTarget.value)} onBlur={done} onKeyDown={(event) => event.key === 'Enter' && done()}
      />
      {wrong && <small class="wrong" role="alert">Not a time</small>}
    </label>
  );
}
