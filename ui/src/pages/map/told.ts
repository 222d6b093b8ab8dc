import { causes } from '../../graph';
import type { Entry } from '../../wire';
import type { Wrong } from '../board/wrong';

/** What a box says beside its name and its state to who does not see the drawing. */
export function told(entry: Entry, entries: ReadonlyMap<string, Entry>, roots: ReadonlyMap<string, Wrong>, reached: boolean): string {
  const needs = entry.dependencies.length;
  const needing = needs === 0 ? 'Needs nothing.' : needs === 1 ? 'Needs one service.' : `Needs ${needs} services.`;
  return `${of(entry, entries, roots, reached)}${needing}`;
}

function of(entry: Entry, entries: ReadonlyMap<string, Entry>, roots: ReadonlyMap<string, Wrong>, reached: boolean): string {
  const root = roots.get(entry.service);
  if (root) return root.drags.length > 0 ? `A failure begins here and drags down ${root.drags.length}. ` : 'A failure begins here. ';
  if (!reached) return '';
  const because = list(causes(entry.service, entries, new Set(roots.keys())));
  return ['healthy', 'unknown'].includes(entry.status) ? `Depends on ${because}, and is not worse for it yet. ` : `Suffers from ${because}. `;
}

const named = 3;

const list = (names: readonly string[]): string =>
  names.length > named ? `${names.slice(0, named).join(', ')} and ${names.length - named} more that fail` : `${names.join(' and ')}, which ${names.length === 1 ? 'fails' : 'fail'}`;
