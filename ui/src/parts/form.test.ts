import { expect, it } from 'vitest';

import { left, wrongOf } from './form';

const bad = [{ field: 'services[1]', message: 'no name' }, { field: 'name', message: 'x' }, { field: 'matchers[10].value', message: 'empty' }];

it('finds what the manager says of a part of a field, and of no other', () => {
  expect([wrongOf(bad, 'services'), wrongOf(bad, 'matchers[1]'), wrongOf(bad, 'matchers[10]'), wrongOf(bad, 'service')]).toEqual(['no name', '', 'empty', '']);
});

it('leaves the messages of what was not touched', () => {
  expect(left(bad, ['services', 'matchers']).map((one) => one.message)).toEqual(['x']);
});
