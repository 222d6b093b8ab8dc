import { Component, h, type ComponentType } from 'preact';

/** A component that is drawn anew only when one of its properties is another one. */
export function memo<P extends object>(Inner: ComponentType<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const [a, b] = [this.props as Record<string, unknown>, next as Record<string, unknown>];
      for (const key in b) if (a[key] !== b[key]) return true;
      for (const key in a) if (!(key in b)) return true;
      return false;
    }

    override render() {
      return h(Inner, this.props as P);
    }
  };
}
