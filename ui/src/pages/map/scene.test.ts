import { describe, expect, it } from 'vitest';

import type { Entry, Status } from '../../wire';
import { layOut } from './layout';
import { around, find, groupByLayer, room, scene } from './scene';
import { walk } from './walk';

function entry(service: string, layer = '', dependencies: string[] = [], status: Status = 'healthy'): Entry {
  return { service, layer, dependencies, status, circuit_breaker: { state: 'closed', mode: 'auto', opened_at: null } } as unknown as Entry;
}

const fleet = (...entries: Entry[]) => new Map(entries.map((e) => [e.service, e]));

const many = (n: number) => fleet(...Array.from({ length: n }, (_, i) =>
  entry(`s${i}`, `layer${i % 3}`, i > 0 ? [`s${i - 1}`] : [], i === 7 ? 'circuit_open' : 'healthy')));

describe('scene', () => {
  it('draws every service while there is room', () => {
    expect(scene(many(room), '', null)).toMatchObject({ kind: 'services', left: 0 });
    expect(scene(many(room + 1), '', null).kind).toBe('layers');
  });

  it('draws two dependencies up and two down around the service in focus', () => {
    expect(scene(many(1_000), 's10', null).items.map((item) => item.id).sort()).toEqual(['s10', 's11', 's12', 's8', 's9']);
  });

  it('takes a focus that is not there for none', () => expect(scene(many(1_000), 'gone', null).kind).toBe('layers'));

  it('draws a layer, the worst first where there is no room for all, and says how many are left', () => {
    const shown = scene(many(1_000), '', 'layer1');
    expect(shown.items[0]!.id).toBe('s7');
    expect([shown.items.length, shown.left]).toEqual([room, 33]);
  });

  it('keeps the nearest of a neighbourhood that is too large', () => {
    const wide = fleet(entry('hub'), ...Array.from({ length: 200 }, (_, i) => entry(`a${i}`, '', ['hub'])),
      ...Array.from({ length: 200 }, (_, i) => entry(`b${i}`, '', [`a${i}`])));
    const shown = scene(wide, 'hub', null);
    expect(shown.items.filter((item) => item.id.startsWith('a'))).toHaveLength(200);
    expect(shown.left).toBe(101);
  });
});

it('groups by layer, with what is broken between layers', () => {
  const groups = groupByLayer(fleet(
    entry('a', 'edge', ['b', 'c'], 'degraded'), entry('b', 'data', [], 'circuit_open'), entry('c', 'other'), entry('d', 'edge')));
  expect(groups.map((g) => [g.layer, g.services, g.failing, g.worst, g.needs, [...g.broken]])).toEqual([
    ['data', 1, 1, 'circuit_open', [], []],
    ['edge', 2, 0, 'degraded', ['data', 'other'], ['data']],
    ['other', 1, 0, 'healthy', [], []],
  ]);
});

it('knows what is up and down from a service', () => {
  const items = scene(fleet(entry('a', '', ['b']), entry('b', '', ['c']), entry('c'), entry('d', '', ['c'])), '', null).items;
  expect([...around(items, 'b')].sort()).toEqual(['a', 'b', 'c']);
  expect([...around(items, 'c', true)].sort()).toEqual(['a', 'b', 'c', 'd']);
});

it('finds by words anywhere in the name, what begins so first', () => {
  const all = fleet(entry('my_wallet'), entry('wallet_rake'), entry('wallet_sick', '', [], 'unhealthy'), entry('data'));
  expect(find(all, 'WALL').map((e) => e.service)).toEqual(['wallet_sick', 'wallet_rake', 'my_wallet']);
  expect(find(all, 'my wal').map((e) => e.service)).toEqual(['my_wallet']);
  expect(find(all, ' ')).toEqual([]);
});

it('walks along dependencies with the arrows, and on a level to both sides', () => {
  const layout = layOut(scene(fleet(entry('a', '', ['c']), entry('b', '', ['d']), entry('c'), entry('d')), '', null).items);
  expect(walk(layout, 'a', 'ArrowDown')).toBe('c');
  expect(walk(layout, 'd', 'ArrowUp')).toBe('b');
  expect([walk(layout, 'a', 'ArrowRight'), walk(layout, 'b', 'ArrowRight'), walk(layout, 'b', 'ArrowLeft')]).toEqual(['b', null, 'a']);
  expect([walk(layout, 'd', 'Home'), walk(layout, 'b', 'End')]).toEqual(['a', 'c']);
  expect(walk(layout, 'c', 'ArrowDown')).toBeNull();
});
