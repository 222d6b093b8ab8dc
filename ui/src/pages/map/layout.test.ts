import { describe, expect, it } from 'vitest';

import { depths, orderLayers } from './layers';
import { crossings, layOut, rising, size, type Item } from './layout';

const item = (id: string, layer: string, ...dependencies: string[]): Item => ({ id, layer, dependencies });

describe('depths', () => {
  it('is the longest way down', () => {
    const needs: Record<string, string[]> = { a: ['b', 'c'], b: ['c'], c: [] };
    expect(depths(['a', 'b', 'c'], (id) => needs[id]!)).toEqual(new Map([['c', 0], ['b', 1], ['a', 2]]));
  });

  it('ends in a circle', () => {
    const needs: Record<string, string[]> = { a: ['b'], b: ['a'] };
    expect(depths(['a', 'b'], (id) => needs[id]!).size).toBe(2);
  });

  it('goes down a chain of 20 000', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => String(i));
    expect(depths(ids, (id) => (id === '0' ? [] : [String(Number(id) - 1)])).get('19999')).toBe(19_999);
  });
});

describe('orderLayers', () => {
  it('puts what is needed below who needs it, whatever their names', () => {
    expect(orderLayers([item('a', 'data'), item('b', 'app', 'a'), item('c', 'edge', 'b')])).toEqual(['edge', 'app', 'data']);
  });

  it('takes the direction of most edges where layers need each other', () => {
    const items = [item('w1', 'wallet', 'd1'), item('w2', 'wallet', 'd1'), item('d1', 'data'), item('d2', 'data', 'w1')];
    expect(orderLayers(items)).toEqual(['wallet', 'data']);
  });
});

describe('layOut', () => {
  it('puts every service above what it needs', () => {
    const layout = layOut([item('front', ''), item('quotes', '', 'prices'), item('prices', '', 'chain'), item('chain', '')]);
    const y = (id: string) => layout.boxes.get(id)!.y;
    expect(y('quotes')).toBeLessThan(y('prices'));
    expect(y('prices')).toBeLessThan(y('chain'));
  });

  it('lets no two boxes touch, and none leave the drawing', () => {
    const items = Array.from({ length: 300 }, (_, i) =>
      item(`s${i}`, `layer${i % 5}`, ...(i > 4 ? [`s${i - 5}`, `s${(i * 7) % i}`] : [])));
    const layout = layOut(items);
    expect(layout.boxes.size).toBe(300);
    const boxes = [...layout.boxes.values()];
    const outside = boxes.filter((a) => a.x < 0 || a.y < 0 || a.x + size.width > layout.width || a.y + size.height > layout.height);
    const touching = boxes.filter((a) => boxes.some((b) =>
      a !== b && Math.abs(a.x - b.x) < size.width && Math.abs(a.y - b.y) < size.height));
    expect([outside, touching]).toEqual([[], []]);
  });

  it('keeps a layer in a band that holds its boxes and no others', () => {
    const layout = layOut([item('a', 'x', 'b', 'c'), item('b', 'x', 'c'), item('c', 'y'), item('d', 'y', 'c')]);
    expect(layout.bands.map((band) => band.layer)).toEqual(['x', 'y']);
    for (const box of layout.boxes.values()) {
      const inside = layout.bands.filter((band) => box.y > band.y && box.y + size.height < band.y + band.height);
      expect(inside.map((band) => band.layer)).toEqual([box.layer]);
    }
  });

  it('cuts crossings that the order by name would have', () => {
    // a needs z, b needs y, …: by name all of them cross.
    const items = 'abcdef'.split('').flatMap((id, i) => [item(id, 'l', `z${9 - i}`), item(`z${9 - i}`, 'r')]);
    expect(crossings(layOut(items))).toBe(0);
  });

  it('draws an edge once, and none to itself or to what is not there', () => {
    expect(layOut([item('a', '', 'b', 'b', 'a', 'gone'), item('b', '')]).lines.map(({ from, to }) => `${from}>${to}`)).toEqual(['a>b']);
  });

  it('is the same whatever the order in which services come', () => {
    const items = [item('a', 'x', 'c'), item('b', 'x', 'c', 'd'), item('c', 'y'), item('d', 'y')];
    expect(layOut([...items].reverse()).boxes).toEqual(layOut(items).boxes);
  });

  it('leads a line past the boxes between its ends', () => {
    const layout = layOut([item('a', '', 'b', 'c'), item('b', '', 'c'), item('c', '')]);
    const b = layout.boxes.get('b')!;
    const at = /V(\d+)/.exec(layout.lines.find((line) => line.from === 'a' && line.to === 'c')!.path)!;
    const x = Number(/ ([\d.]+) [\d.]+V/.exec(layout.lines.find((line) => line.from === 'a' && line.to === 'c')!.path)![1]);
    expect(Number(at[1])).toBe(b.y + size.height);
    expect(x < b.x || x > b.x + size.width).toBe(true);
  });

  it('has something to show for nothing', () => {
    expect(layOut([])).toMatchObject({ lines: [], bands: [], width: 1 });
  });
});

it('finds the nearest numbers that never fall', () => {
  expect(rising([1, 2, 3])).toEqual([1, 2, 3]);
  expect(rising([3, 1, 4])).toEqual([2, 2, 4]);
  expect(rising([5, 4, 0])).toEqual([3, 3, 3]);
  expect(rising([])).toEqual([]);
});
