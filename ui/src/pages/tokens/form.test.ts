import { describe, expect, it } from 'vitest';

import { matches, patterns, request, wrongs, type Form } from './form';

const now = Date.UTC(2026, 10, 23);
const form: Form = { name: ' deploys ', role: 'operator', services: '', ends: '30d', endsAt: null };

describe('matches', () => {
  it.each<[string, string, boolean]>([
    ['a', 'a', true], ['a', 'ab', false], ['*', '', true], ['wallet_*', 'wallet_rake', true], ['wallet_*', 'my_wallet_x', false],
    ['*_service', 'data_service', true], ['a*a', 'a', false], ['a*a', 'aa', true], ['a*b*c', 'a1b2c', true], ['a*b*c', 'acb', false], ['*b*b', 'ab', false],
    ['*.*', 'axb', false], ['**', 'x', true],
  ])('%s of %s: %s', (pattern, service, want) => expect(matches(pattern, service)).toBe(want));
});

it('takes patterns apart at commas, spaces and lines', () => expect(patterns(' a*, b\nc  a*')).toEqual(['a*', 'b', 'c']));

it('says what is wrong at the field', () => {
  const fields = (change: Partial<Form>) => wrongs({ ...form, ...change }, now).map((one) => one.field);
  expect(fields({})).toEqual([]);
  expect([fields({ name: ' ' }), fields({ name: 'file' }), fields({ name: 'x'.repeat(129) })]).toEqual([['name'], ['name'], ['name']]);
  expect([fields({ ends: 'at' }), fields({ ends: 'at', endsAt: now }), fields({ ends: 'at', endsAt: now + 1 })]).toEqual([['expires_at'], ['expires_at'], []]);
  expect(fields({ services: Array.from({ length: 101 }, (_, i) => `s${i}`).join() })).toEqual(['services']);
});

it('sends what was meant, and nothing for all services and no end', () => {
  expect(request(form, now)).toEqual({ name: 'deploys', role: 'operator', expires_at: '2026-12-23T00:00:00.000Z' });
  expect(request({ ...form, services: 'a*', ends: 'never' }, now)).toEqual({ name: 'deploys', role: 'operator', services: ['a*'] });
  expect(request({ ...form, ends: 'at', endsAt: now + 1_000 }, now).expires_at).toBe('2026-11-23T00:00:01.000Z');
});
