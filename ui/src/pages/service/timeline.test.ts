import { describe, expect, it } from 'vitest';

import type { Point, Series } from '../../wire';
import { indexAt, Samples, timeline, type Sample } from './timeline';

const t0 = Date.UTC(2026, 10, 23, 16, 0, 0);
const iso = (at: number) => new Date(at).toISOString();

const point = (at: number, more: Partial<Point> = {}): Point => ({
  at: iso(at), successful: 0, failed: 0, ignored: 0, rejected: 0, average_ms: 0, p50_ms: 0, p95_ms: 0, p99_ms: 0,
  state: 'closed', mode: 'auto', admitted_share: 1, failures: 0, ...more,
});

const series = (points: Point[], to: number, gaps: [number, number][] = []): Series => ({
  service: 's', step: '1s', from: iso(t0), to: iso(to), points, gaps: gaps.map(([a, b]) => ({ from: iso(a), to: iso(b) })),
});

const sample = (at: number, successful: number, more: Partial<Sample> = {}): Sample =>
  ({ at, successful, failed: 0, ignored: 0, rejected: 0, p50: 1, p95: 2, p99: 3, ...more });

const view = { from: t0, to: t0 + 10_000 };
const later = t0 + 60_000;

describe('timeline', () => {
  it('shows a step without a point as nothing done', () => {
    const t = timeline(series([point(t0 + 2_000, { successful: 7 })], t0 + 10_000), [], view, 1_000, later, 300_000);
    expect(t.successful).toEqual([0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('shows a gap as unknown, not as nothing', () => {
    const t = timeline(series([point(t0, { successful: 1 })], t0 + 10_000, [[t0 + 3_000, t0 + 6_000]]), [], view, 1_000, later, 300_000);
    expect(t.successful).toEqual([1, 0, 0, null, null, null, 0, 0, 0, 0]);
    expect(t.rejected[4]).toBeNull();
  });

  it('says nothing of what the stream has not told yet', () => {
    const t = timeline(series([], t0 + 4_000), [], view, 1_000, t0 + 4_000, 300_000);
    expect(t.successful.slice(3)).toEqual([0, null, null, null, null, null, null]);
  });

  it('gives rates a second whatever the step', () => {
    const t = timeline(series([point(t0, { successful: 50, failed: 5 })], t0 + 10_000), [], view, 5_000, later, 300_000);
    expect(t.successful).toEqual([10, 0]);
    expect(t.failed).toEqual([1, 0]);
  });

  it('keeps a percentile while it is silent for less than the window, but not over a gap', () => {
    const quiet = timeline(series([point(t0, { successful: 1, p99_ms: 9, p95_ms: 8, p50_ms: 7 })], t0 + 10_000), [], view, 1_000, later, 4_000);
    expect(quiet.p95).toEqual([8, 8, 8, 8, 8, null, null, null, null, null]);
    const gap = timeline(series([point(t0, { p99_ms: 9, p95_ms: 8 })], t0 + 10_000, [[t0 + 1_000, t0 + 2_000]]), [], view, 1_000, later, 60_000);
    expect(gap.p95.slice(0, 4)).toEqual([8, null, null, null]);
  });

  it('moves on with the stream, and counts nothing twice', () => {
    const kept = series([point(t0, { successful: 10 }), point(t0 + 1_000, { successful: 10, p95_ms: 8, p99_ms: 9 })], t0 + 2_500);
    const samples = [sample(t0 + 1_000, 110), sample(t0 + 2_000, 120), sample(t0 + 3_000, 130), sample(t0 + 4_000, 150)];
    const t = timeline(kept, samples, view, 1_000, t0 + 4_000, 300_000);
    expect(t.successful.slice(0, 2)).toEqual([10, 10]);
    expect(t.successful.slice(2, 5)).toEqual([10, 20, null]);
    expect(t.p95.slice(1, 4)).toEqual([8, 8, 2]);
  });

  it('takes only that part of a sample which the series do not have', () => {
    const kept = series([point(t0, { successful: 5 })], t0 + 1_300); // written at the last whole second
    const t = timeline(kept, [sample(t0 + 500, 0), sample(t0 + 1_500, 10), sample(t0 + 2_500, 20)], view, 1_000, t0 + 2_500, 300_000);
    expect(t.successful.slice(0, 2)).toEqual([5, 10]);
  });

  it('spreads what lies between two samples, so that no beat shows', () => {
    const samples = [sample(t0 + 500, 0), sample(t0 + 1_500, 10), sample(t0 + 2_500, 20)];
    const t = timeline(series([], t0), samples, view, 1_000, t0 + 2_500, 300_000);
    expect(t.successful[1]).toBeCloseTo(10);
  });

  it('goes on from where the counts began anew', () => {
    const samples = [sample(t0, 1_000), sample(t0 + 1_000, 5), sample(t0 + 2_000, 8)];
    const t = timeline(series([], t0), samples, view, 1_000, t0 + 2_000, 300_000);
    expect(t.successful.slice(0, 2)).toEqual([0, 3]);
  });

  it('is empty without a series', () => {
    expect(timeline(null, [sample(t0, 1)], view, 1_000, later, 1).at).toEqual([]);
  });

  it('finds the step of a moment', () => {
    const t = timeline(series([], t0), [], view, 1_000, later, 1);
    expect(indexAt(t, t0 + 3_999)).toBe(3);
    expect(indexAt(t, t0 - 1)).toBe(-1);
    expect(indexAt(t, t0 + 10_000)).toBe(-1);
  });
});

describe('Samples', () => {
  it('knows the rate of the last seconds', () => {
    const s = new Samples();
    for (let i = 0; i <= 20; i++) s.push(sample(t0 + i * 1_000, i * 30, { rejected: i * 2 }));
    expect(s.rate(t0 + 20_000)).toEqual({ successful: 30, failed: 0, ignored: 0, rejected: 2 });
  });

  it('knows none before it has seen two seconds', () => {
    const s = new Samples();
    expect(s.rate(t0)).toBeNull();
    s.push(sample(t0, 1));
    expect(s.rate(t0 + 1_000)).toBeNull();
  });

  it('falls to nothing when no update comes', () => {
    const s = new Samples();
    s.push(sample(t0, 0));
    s.push(sample(t0 + 1_000, 30));
    expect(s.rate(t0 + 30_000)?.successful).toBe(0);
  });

  it('keeps a place to count from when it forgets', () => {
    const s = new Samples();
    for (let i = 0; i < 5; i++) s.push(sample(t0 + i * 1_000, i));
    s.forget(t0 + 2_500);
    expect(s.list.map((x) => x.successful)).toEqual([2, 3, 4]);
  });

  it('is bounded', () => {
    const s = new Samples();
    let full = false;
    for (let i = 0; i < 40_000; i++) full = s.push(sample(t0 + i, i)) || full;
    expect(full).toBe(true);
    expect(s.list.length).toBeLessThanOrEqual(14_400);
  });
});
