import { expect, it } from 'vitest';

import { detailsOf } from './details';

it('tells the details of a line as names and values', () => {
  const told = detailsOf({ mode: 'forced_open', expires_at: '2026-11-23T13:00:00.000Z', from_version: 3, services: ['a_*', 'b'], forced: false, nobody: null, empty: '', none: [], deep: { x: 1 } });
  expect(told.map((d) => `${d.name}: ${d.text}`)).toEqual([
    'mode: forced open', 'from version: 3', 'services: a_*, b', 'forced: false', 'deep: {"x":1}', 'expires at: 2026-11-23T13:00:00.000Z',
  ]);
  expect(told.at(-1)!.at).toBe(Date.UTC(2026, 10, 23, 13));
  expect(told.filter((d) => d.at !== null)).toHaveLength(1);
});

it('says nothing that the result says', () => {
  expect(detailsOf({ id: 'QSEV', name: 'wall' }, 'ok: QSEV (token 4MAW)').map((d) => d.name)).toEqual(['name']);
  expect(detailsOf({ id: 'QSEV' }, 'refused')).toHaveLength(1);
});

it.each([undefined, null, 'text', 7, ['a']])('makes nothing of %j', (details) => expect(detailsOf(details)).toEqual([]));
