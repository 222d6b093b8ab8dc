import { computed } from '@preact/signals';

import { parameter, setParameters } from '../../route';
import type { Status } from '../../wire';
import { worstFirst } from '../../words';
import { densities, type Density } from './layout';
import { sorts, type Grouping, type Sort, type Wanted } from './order';

// How the board is looked at stands in the URL and nowhere else; what is as it
// is by default is not in it.

const listed = (name: string): string[] => parameter(name).split(',').filter((item) => item !== '');
const oneOf = <T extends string>(list: readonly T[], value: string): T => (list.includes(value as T) ? (value as T) : list[0]!);

export const groupings = ['', 'layer', 'status'] as const;

/** The layer of services that have none, as it is in the URL. */
const none = '-';

export const wanted = computed<Wanted>(() => ({
  search: parameter('q'),
  statuses: listed('status').filter((status): status is Status => (worstFirst as string[]).includes(status)),
  layers: listed('layer').map((layer) => (layer === none ? '' : layer)),
  sort: oneOf(sorts, parameter('sort')),
  group: oneOf(groupings, parameter('group')),
}));

export const density = computed<Density>(() => oneOf(densities, parameter('density')));

export const wall = computed<boolean>(() => parameter('wall') === '1');

export const look = {
  search: (text: string) => setParameters({ q: text }),
  sort: (sort: Sort) => setParameters({ sort: sort === sorts[0] ? '' : sort }),
  group: (group: Grouping) => setParameters({ group }),
  density: (to: Density) => setParameters({ density: to === densities[0] ? '' : to }),
  statuses: (list: Status[]) => setParameters({ status: list.join(',') }),
  layers: (list: string[]) => setParameters({ layer: list.map((layer) => (layer === '' ? none : layer)).join(',') }),
  wall: (on: boolean) => setParameters({ wall: on ? '1' : '' }, { replace: false }),
  nothingFiltered: () => setParameters({ q: '', status: '', layer: '' }),
};

export const filtered = computed<boolean>(() => wanted.value.search !== '' || wanted.value.statuses.length + wanted.value.layers.length > 0);

/** A list with an item put in or taken out. */
export const toggled = <T>(list: T[], item: T): T[] => (list.includes(item) ? list.filter((x) => x !== item) : [...list, item]);
