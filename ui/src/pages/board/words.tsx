import { isolated, Outside } from '../../parts/outside';

/** A sentence of ours, with what others wrote apart in it. */
export type Words = readonly (string | { told: string })[];

export function Sentence({ words }: { words: Words }) {
  return <>{words.map((word) => (typeof word === 'string' ? word : <Outside text={word.told} />))}</>;
}

/** A sentence where there can be no elements, as in a title. */
export const flat = (words: Words): string => words.map((word) => (typeof word === 'string' ? word : isolated(word.told))).join('');
