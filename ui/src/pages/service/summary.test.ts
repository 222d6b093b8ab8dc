import { describe, expect, it } from 'vitest';

import type { Band } from './bands';
import { rows, standingAt, summary } from './summary';
import type { Timeline } from './timeline';

const line = (successful: (number | null)[], failed: (number | null)[] = successful.map((n) => n && 0)): Timeline => {
  const nothing = successful.map((n) => (n === null ? null : 0));
  return {
    step: 1_000, at: successful.map((_, i) => i * 1_000), successful, failed, ignored: nothing, rejected: nothing,
    p50: nothing.map((n) => n && null), p95: successful.map((n) => (n === null ? null : 12)), p99: nothing, state: successful.map(() => null), mode: successful.map(() => null),
  };
};
const bands: Band[] = [{ from: 0, to: 2_000, kind: 'closed' }, { from: 2_000, to: 5_000, kind: 'open' }];

describe('summary', () => {
  it('tells what the charts show', () => {
    const text = summary(line([10, 10, 0, 0, 0], [0, 5, 0, 0, 0]), bands, 'the last 5 minutes');
    expect(text).toBe('The last 5 minutes: 25 operations, 20 % failed, none rejected. The 95th percentile is 12 ms, at most 12 ms. The circuit was open once, for 3s in all.');
  });
  it('counts an opening once, however many recoveries of it fail and managers go', () => {
    const again: Band[] = [{ from: 0, to: 2_000, kind: 'open' }, { from: 2_000, to: 2_100, kind: 'half_open' }, { from: 2_100, to: 4_000, kind: 'open' }, { from: 4_000, to: 5_000, kind: 'gap' }, { from: 5_000, to: 6_000, kind: 'open' }];
    expect(summary(line([1, 1]), again, 'x')).toContain('open once, for 5s');
  });
  it('counts an opening once that an override or the config cuts in two, and two with the circuit closed between', () => {
    const cut = (kind: Band['kind']): Band[] => [{ from: 0, to: 2_000, kind: 'open' }, { from: 2_000, to: 3_000, kind }, { from: 3_000, to: 3_002, kind: 'open' }, { from: 3_002, to: 5_000, kind: 'half_open' }];
    for (const kind of ['forced_open', 'disabled', 'gap'] as const) expect(summary(line([1]), cut(kind), 'x'), kind).toContain('open once');
    for (const kind of ['closed', 'forced_closed'] as const) expect(summary(line([1]), cut(kind), 'x'), kind).toContain('open 2 times');
  });
  it('tells of the time without a manager', () => {
    expect(summary(line([1]), [{ from: 0, to: 60_000, kind: 'gap' }], 'x')).toContain('For 1m 00s no manager ran.');
  });
  it('says when nothing is known', () => expect(summary(line([]), [], 'yesterday')).toBe('Nothing is known of yesterday.'));
});

describe('rows', () => {
  it('put steps together, newest first, and keep what is not known', () => {
    const list = rows(line([4, 6, null, null, 1]), bands, 3);
    expect(list.map((r) => r.successful)).toEqual([1, null, 5]);
    expect(list.map((r) => r.standing)).toEqual(['open', 'open', 'closed']);
  });
});

it('knows how the circuit stood at a moment', () => {
  expect([0, 1_999, 2_000, 9_000].map((at) => standingAt(bands, at))).toEqual(['closed', 'closed', 'open', null]);
});
