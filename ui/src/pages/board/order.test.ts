import { describe, expect, it } from 'vitest';

import type { CircuitState, Entry, Mode, Status } from '../../wire';
import { lay, step, visible } from './layout';
import { arrange, differing, type Facts, type Wanted } from './order';
import { whatIsWrong } from './wrong';

interface Wish { status?: Status; layer?: string; state?: CircuitState; mode?: Mode; p95?: number; description?: string; dependencies?: string[]; openedAt?: string }

function entry(service: string, w: Wish = {}): Entry {
  return {
    service, status: w.status ?? 'healthy', layer: w.layer ?? '', description: w.description ?? '', dependencies: w.dependencies ?? [],
    circuit_breaker: { state: w.state ?? (w.status === 'circuit_open' ? 'open' : 'closed'), mode: w.mode ?? 'auto', opened_at: w.openedAt ?? null, last_recovery_attempt: null },
    performance: { p95OperationTimeMs: w.p95 ?? 0 },
  } as unknown as Entry;
}

const fleet = (...list: Entry[]) => new Map(list.map((e) => [e.service, e]));
const facts: Facts = { rate: () => 0, errors: () => 0, changedAt: () => 0, root: () => false };
const all: Wanted = { search: '', statuses: [], layers: [], sort: 'worst', group: '' };
const names = (entries: Map<string, Entry>, wanted: Partial<Wanted> = {}, known: Partial<Facts> = {}) =>
  arrange(entries, { ...all, ...wanted }, { ...facts, ...known }).map((group) => [group.title, group.names]);

describe('the order of the board', () => {
  const entries = fleet(
    entry('well', { layer: 'data', p95: 3 }), entry('forced', { status: 'circuit_open', mode: 'forced_open', layer: 'api' }), entry('ill', { status: 'unhealthy', layer: 'api', p95: 90 }),
    entry('trial', { status: 'degraded', state: 'half_open' }), entry('shaky', { status: 'degraded', layer: 'data' }), entry('open', { status: 'circuit_open', layer: 'data' }),
    entry('new', { status: 'unknown' }), entry('also_well', { description: 'Prices of the Exchange' }),
  );

  it('has the worst first, and what is as bad by name', () => {
    expect(names(entries)).toEqual([['', ['open', 'forced', 'ill', 'trial', 'shaky', 'new', 'also_well', 'well']]]);
  });

  it('has a root of failure before what it drags down', () => {
    const two = fleet(entry('a', { status: 'circuit_open' }), entry('b', { status: 'circuit_open' }));
    expect(names(two, {}, { root: (name) => name === 'b' })).toEqual([['', ['b', 'a']]]);
  });

  it.each([
    ['name', ['also_well', 'forced', 'ill', 'new', 'open', 'shaky', 'trial', 'well']],
    ['p95', ['ill', 'well', 'also_well', 'forced', 'new', 'open', 'shaky', 'trial']],
    ['rate', ['new', 'also_well', 'forced', 'ill', 'open', 'shaky', 'trial', 'well']],
    ['changed', ['shaky', 'also_well', 'forced', 'ill', 'new', 'open', 'trial', 'well']],
  ] as const)('can follow the %s', (sort, order) => {
    expect(names(entries, { sort }, { rate: (n) => Number(n === 'new'), changedAt: (n) => Number(n === 'shaky') })).toEqual([['', order]]);
  });

  it('groups by layer, those without one last, and by status, the worst first', () => {
    expect(names(entries, { group: 'layer', sort: 'name' })).toEqual([
      ['api', ['forced', 'ill']], ['data', ['open', 'shaky', 'well']], ['without a layer', ['also_well', 'new', 'trial']],
    ]);
    expect(names(entries, { group: 'status', sort: 'name' }).map(([title]) => title)).toEqual(['circuit open', 'unhealthy', 'degraded', 'unknown', 'healthy']);
  });

  it('filters by status and layer, and by every word of a search in name, layer or description', () => {
    expect(names(entries, { statuses: ['unhealthy', 'unknown'] })).toEqual([['', ['ill', 'new']]]);
    expect(names(entries, { layers: ['data'], statuses: ['healthy'] })).toEqual([['', ['well']]]);
    expect(names(entries, { layers: [''] })[0]![1]).toContain('trial');
    expect(names(entries, { search: ' WELL  exchange ' })).toEqual([['', ['also_well']]]);
    expect(names(entries, { search: 'nothing has this' })).toEqual([]);
  });

  it('arranges 10 000 in no time', () => {
    const many = fleet(...Array.from({ length: 10_000 }, (_, i) => entry(`service_${(i * 7_919) % 10_000}`, { status: i % 50 ? 'healthy' : 'circuit_open' })));
    const before = performance.now();
    const [group] = arrange(many, all, facts);
    expect(performance.now() - before).toBeLessThan(500);
    expect(group!.names).toHaveLength(10_000);
    expect(group!.names.slice(0, 200).every((name) => many.get(name)!.status === 'circuit_open')).toBe(true);
  });

  it('counts what stands elsewhere than it should', () => {
    const shown = new Map([['a', 1], ['b', 1], ['gone', 2]]);
    expect(differing(shown, shown)).toBe(0);
    expect(differing(shown, new Map([['a', 0], ['b', 1], ['came', 1]]))).toBe(3);
  });
});

describe('what is wrong', () => {
  const kinds = (entries: Map<string, Entry>) => whatIsWrong(entries).map((w) => [w.service, w.kind, w.drags, w.dependents]);

  it('is nothing where all is well', () => expect(whatIsWrong(fleet(entry('a'), entry('b', { status: 'unknown' })))).toEqual([]));

  it('is the root and not what it drags down, through any number of services', () => {
    expect(kinds(fleet(
      entry('db', { status: 'circuit_open' }), entry('api', { status: 'circuit_open', dependencies: ['db'] }),
      entry('page', { status: 'degraded', dependencies: ['api', 'cache'] }), entry('cache'), entry('job', { dependencies: ['db'] }),
    ))).toEqual([['db', 'failing', ['api', 'page'], 3]]);
  });

  it('has the one that drags most down first, what somebody wants so later, then trials and what is close to it', () => {
    expect(kinds(fleet(
      entry('close', { status: 'degraded' }), entry('trial', { status: 'degraded', state: 'half_open' }), entry('forced', { status: 'circuit_open', mode: 'forced_open' }),
      entry('alone', { status: 'unhealthy' }), entry('db', { status: 'circuit_open' }), entry('api', { status: 'degraded', dependencies: ['db'] }),
    )).map(([name, kind]) => `${name} ${kind}`)).toEqual(['db failing', 'alone failing', 'forced forced', 'trial recovering', 'close close']);
  });

  it('takes the one that failed first for the root of a ring, and none twice', () => {
    expect(kinds(fleet(
      entry('a', { status: 'circuit_open', dependencies: ['b'], openedAt: '2026-11-23T08:00:05Z' }),
      entry('b', { status: 'circuit_open', dependencies: ['c'], openedAt: '2026-11-23T08:00:01Z' }),
      entry('c', { status: 'circuit_open', dependencies: ['a'], openedAt: '2026-11-23T08:00:09Z' }),
      entry('self', { status: 'circuit_open', dependencies: ['self', 'unheard_of'] }),
    ))).toEqual([['b', 'failing', ['a', 'c'], 2], ['self', 'failing', [], 0]]);
  });
});

describe('the layout', () => {
  const groups = [{ key: 'x', title: 'x', names: ['a', 'b', 'c', 'd', 'e'] }, { key: 'y', title: 'y', names: ['f'] }];

  it('fills the width, and knows where everything is', () => {
    const layout = lay(groups, 'comfortable', 900);
    expect(layout.columns).toBe(3);
    expect(3 * layout.width + 2 * 12).toBe(900);
    expect(layout.lines.map((line) => line.names ?? line.group.title)).toEqual(['x', ['a', 'b', 'c'], ['d', 'e'], 'y', ['f']]);
    expect(lay(groups, 'list', 900).columns).toBe(1);
    expect(lay(groups, 'comfortable', 100).columns).toBe(1);
  });

  it('draws of 10 000 only what can be seen', () => {
    const { lines } = lay([{ key: '', title: '', names: Array.from({ length: 10_000 }, (_, i) => `s${i}`) }], 'comfortable', 1_400);
    const [first, last] = visible(lines, 100_000, 100_900);
    expect(last - first).toBeLessThan(10);
    expect(lines[first]!.y).toBeLessThanOrEqual(100_000);
    expect(lines[last]!.y).toBeGreaterThanOrEqual(100_900);
    expect(visible(lines, -900, -1)).toEqual([0, 0]);
    expect(visible(lines, 1e9, 1e9 + 900)[1]).toBe(lines.length);
    expect(visible([], 0, 900)).toEqual([0, 0]);
  });

  it('is walked by arrows, across groups, and ends at the edges', () => {
    const layout = lay(groups, 'comfortable', 900);
    const walk = (from: string, ...keys: string[]) => keys.reduce((at, key) => step(layout, at, key), from);
    expect(walk('', 'ArrowDown')).toBe('a');
    expect(walk('a', 'ArrowRight', 'ArrowRight', 'ArrowRight')).toBe('d');
    expect(walk('c', 'ArrowDown')).toBe('e');
    expect(walk('e', 'ArrowDown', 'ArrowDown')).toBe('f');
    expect(walk('f', 'ArrowUp')).toBe('d');
    expect(walk('f', 'ArrowLeft')).toBe('e');
    expect(walk('a', 'ArrowLeft', 'ArrowUp')).toBe('a');
    expect(walk('b', 'End')).toBe('f');
    expect(walk('f', 'Home')).toBe('a');
  });
});
