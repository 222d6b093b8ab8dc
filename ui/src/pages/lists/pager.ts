import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError, type Page } from '../../api';

/** A list that comes in pages. */
export interface Paged<T> {
  items: T[];
  /** Whether there is more behind the last. */
  more: boolean;
  loading: boolean;
  error: ApiError | null;
  /** Loads the next page. */
  next: () => void;
  /** Loads the first page anew; what is shown stays until it is there. */
  again: () => void;
}

/** Loads the first page, again whenever `key` changes, and further ones when they are asked for. */
export function usePages<T>(key: string, ask: (cursor: string) => Promise<Page<T>>): Paged<T> {
  const [state, setState] = useState<{ key: string; items: T[]; next: string | null; loading: boolean; error: ApiError | null }>(
    { key, items: [], next: null, loading: true, error: null });
  const turn = useRef(0);
  const load = async (cursor: string) => {
    const mine = ++turn.current;
    setState((s) => ({ ...s, loading: true, error: null }));
    try {
      const page = await ask(cursor);
      if (mine !== turn.current) return;
      setState((s) => ({ key, items: cursor === '' ? page.items : [...s.items, ...page.items], next: page.next, loading: false, error: null }));
    } catch (err) {
      if (mine !== turn.current) return;
      const error = err instanceof ApiError ? err : new ApiError({ status: 0, title: String(err), detail: '' });
      setState((s) => ({ ...s, ...(s.key === key ? {} : { key, items: [], next: null }), loading: false, error }));
    }
  };
  useEffect(() => {
    void load('');
    return () => {
      turn.current++;
    };
  }, [key]);
  return {
    items: state.items, more: state.next !== null, loading: state.loading, error: state.error,
    next: () => state.next !== null && !state.loading && void load(state.next), again: () => void load(''),
  };
}
