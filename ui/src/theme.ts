import { effect, signal } from '@preact/signals';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const place = 'switchgear.theme';

const kept = (): Theme => {
  try {
    const value = localStorage.getItem(place);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system'; // a browser that keeps nothing
  }
};

/** How the page looks: as the system does, light, or dark. The browser remembers it. */
export const theme = signal<Theme>(kept());

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = theme.value;
  try {
    if (theme.value === 'system') localStorage.removeItem(place);
    else localStorage.setItem(place, theme.value);
  } catch {
    // it holds for this page, then
  }
});
