import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';

/** A component that is loaded when it is first drawn. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const loaded = signal<ComponentType<P> | null>(null);
  const failed = signal('');
  let asked = false;
  return function Lazy(props: P) {
    if (!asked) {
      asked = true;
      load().then(
        (component) => (loaded.value = component),
        () => (failed.value = 'This part of the page could not be loaded: the program was perhaps replaced by a newer one. Reload the page.'),
      );
    }
    if (failed.value) return <p class="page" role="alert">{failed.value}</p>;
    const Component = loaded.value;
    return Component ? <Component {...props} /> : <p class="page muted">Loading …</p>;
  };
}
