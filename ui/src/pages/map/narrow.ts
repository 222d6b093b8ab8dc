import { signal } from '@preact/signals';

const query = matchMedia('(max-width: 640px)');

/** Whether the page is as narrow as a phone: a drawing is either seen whole there or can be read. */
export const narrow = signal(query.matches);

query.addEventListener('change', () => (narrow.value = query.matches));
