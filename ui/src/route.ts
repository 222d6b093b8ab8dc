import { computed, signal } from '@preact/signals';

// The URL is the view: its path is the page, its query how it is looked at.

const here = signal(new URL(location.href));

window.addEventListener('popstate', () => (here.value = new URL(location.href)));

export const path = computed(() => here.value.pathname);

/** A parameter of the query; empty where there is none. */
export const parameter = (name: string): string => here.value.searchParams.get(name) ?? '';

/** Pages that show the present only. A moment in the URL stays there for the others. */
export const timeless = ['/alerts', '/audit', '/tokens', '/server'];

/** The moment that is looked at; null is now. */
export const moment = computed<number | null>(() => {
  if (timeless.includes(path.value)) return null;
  const at = Date.parse(parameter('at'));
  return Number.isNaN(at) ? null : at;
});

/** Goes to a page. `at` stays, so that one travels in time with the whole view. */
export function go(to: string, { replace = false } = {}): void {
  const url = new URL(to, location.origin);
  const at = here.peek().searchParams.get('at');
  if (at && !url.searchParams.has('at')) url.searchParams.set('at', at);
  show(url, replace);
}

/** Changes parameters of the present page; an empty one goes. Filters replace, so that Back leaves the page. */
export function setParameters(values: Record<string, string>, { replace = true } = {}): void {
  const url = new URL(here.peek());
  for (const [name, value] of Object.entries(values)) {
    if (value === '') url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  show(url, replace);
}

/** Travels to a moment; null comes back to now. */
export const travel = (at: number | null, { replace = false } = {}): void =>
  setParameters({ at: at === null ? '' : new Date(at).toISOString() }, { replace });

// A link to a page of ours is followed without loading the page anew; whoever
// wants it in a tab of its own gets that.
document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute('download')) return;
  const to = new URL(link.href, location.href);
  if (to.origin !== location.origin || /^\/(api|assets)\/|^\/(metrics|healthz|readyz|version)$/.test(to.pathname)) return;
  if (to.hash && to.pathname === location.pathname && to.search === location.search) return;
  event.preventDefault();
  go(to.href);
  window.scrollTo(0, 0);
});

function show(url: URL, replace: boolean): void {
  if (url.href === here.peek().href) return;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  here.value = url;
}

/** Takes the fragment out of the URL, which may be a secret, and with it out of the history. */
export function dropFragment(): void {
  const url = new URL(location.href);
  url.hash = '';
  show(url, true);
}

export const serviceURL = (service: string): string => `/service/${encodeURIComponent(service)}`;
