import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError } from '../../api';
import { board, now } from '../../live/live';

/** Something that the manager is asked for again and again, while the page is seen. */
export interface Asked<T> {
  /** Null: it is not known yet. */
  value: T | null;
  /** Why the last question was not answered. */
  error: string;
  /** Whether it is not for the one who is here, or not there at all. */
  absent: boolean;
  again: () => void;
}

/** Asks at once, each `every` milliseconds, when `key` changes and when the manager is back. */
export function useAsked<T>(ask: (signal: AbortSignal) => Promise<T>, every: number, key: unknown = ''): Asked<T> {
  const [state, setState] = useState<Omit<Asked<T>, 'again'>>({ value: null, error: '', absent: false });
  const [turn, setTurn] = useState(0);
  const asked = useRef(0);
  const connected = board.connection.value === 'live';
  useEffect(() => {
    const asking = new AbortController();
    asked.current = Date.now();
    ask(asking.signal).then(
      (value) => !asking.signal.aborted && setState({ value, error: '', absent: false }),
      (err: unknown) => {
        if (asking.signal.aborted) return;
        const status = err instanceof ApiError ? err.status : 0;
        if (status === 403 || status === 404) setState({ value: null, error: '', absent: true });
        else setState((before) => ({ ...before, error: err instanceof Error ? err.message : String(err) }));
      },
    );
    return () => asking.abort();
  }, [key, turn, connected]);
  const due = Date.now() - asked.current >= every; // `now` moves while the page is seen
  const at = now.value;
  useEffect(() => {
    if (due) setTurn((before) => before + 1);
  }, [due, at]);
  return { ...state, again: () => setTurn((before) => before + 1) };
}
