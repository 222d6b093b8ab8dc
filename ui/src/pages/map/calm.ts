import { effect, useSignal, type ReadonlySignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** The value of a signal, at most once in so many milliseconds, and the last one always. */
export function useCalm<T>(source: ReadonlySignal<T>, ms: number): T {
  const calm = useSignal(source.peek());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = effect(() => {
      const value = source.value;
      if (timer !== undefined) return;
      calm.value = value;
      timer = setTimeout(() => {
        timer = undefined;
        calm.value = source.peek();
      }, ms);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [source, ms]);
  return calm.value;
}
