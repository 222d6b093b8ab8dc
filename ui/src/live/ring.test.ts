import { describe, expect, it } from 'vitest';

import { Ring } from './ring';

const t0 = 1_000_000 * 2_000;
const sample = (ms: number, successful: number, failed = 0, rejected = 0) => ({ at: t0 + ms, successful, failed, rejected });
const bar = (ms: number, successful: number, failed = 0) => ({ at: t0 + ms, successful, failed, rejected: 0 });
const sum = (ring: Ring, now: number) => ring.bars(t0 + now, 2_000, 150).reduce((n, b) => n + b.successful, 0);

describe('Ring', () => {
  it('knows nothing of what was before its first look', () => {
    const ring = new Ring();
    ring.push(sample(0, 1_000_000, 500));
    expect(sum(ring, 1_000)).toBe(0);
    expect(ring.rate(t0 + 1_000)).toEqual({ operations: 0, failed: 0, rejected: 0 });
  });

  it('puts what was done where it ended', () => {
    const ring = new Ring();
    ring.push(sample(0, 0));
    ring.push(sample(3_000, 10, 2, 1));
    ring.push(sample(7_000, 15, 2, 4));
    expect(ring.bars(t0 + 8_000, 2_000, 4)).toEqual([
      { at: t0, successful: 0, failed: 0, rejected: 0 },
      { at: t0 + 2_000, successful: 10, failed: 2, rejected: 1 },
      { at: t0 + 4_000, successful: 0, failed: 0, rejected: 0 },
      { at: t0 + 6_000, successful: 5, failed: 0, rejected: 3 },
    ]);
  });

  it('divides by the time that it knows of, and not by the one before', () => {
    const ring = new Ring();
    ring.push(sample(0, 0));
    for (let i = 1; i <= 4; i++) ring.push(sample(1_000 * i, 50 * i));
    expect(ring.rate(t0 + 4_000, 60).operations).toBeCloseTo(50);
  });

  it('forgets what is older than five minutes', () => {
    const ring = new Ring();
    ring.push(sample(0, 0));
    ring.push(sample(1_000, 7));
    ring.push(sample(299_000, 8));
    expect(sum(ring, 299_500)).toBe(8);
    ring.push(sample(301_000, 9));
    expect(sum(ring, 301_500)).toBe(2);
    ring.push(sample(9_000_000, 10));
    expect(sum(ring, 9_000_500)).toBe(1);
  });

  it('joins what the manager kept to what it has seen, without counting twice', () => {
    const ring = new Ring();
    ring.push(sample(20_000, 100));
    ring.push(sample(22_500, 104));
    ring.prepend([bar(0, 10), bar(10_000, 20), bar(20_000, 999)], 10_000);
    expect(sum(ring, 24_000)).toBeCloseTo(34, 3);
    expect(ring.seeded).toBe(true);
    expect(ring.rate(t0 + 24_000, 60).operations).toBeCloseTo(34 / 60, 1);
  });

  it('asks once, also where there was nothing to be had', () => {
    const ring = new Ring();
    ring.giveUp();
    expect(ring.seeded).toBe(true);
    ring.push(sample(0, 0));
    ring.push(sample(2_000, 20));
    expect(ring.rate(t0 + 2_000, 60).operations).toBeCloseTo(10); // it still knows of two seconds only
  });

  it('begins anew where the counts did', () => {
    const ring = new Ring();
    ring.push(sample(0, 100));
    ring.push(sample(2_000, 3));
    ring.push(sample(4_000, 5));
    expect(sum(ring, 5_000)).toBe(2);
  });

  it('spreads over the time in which nobody listened, and not before its last look', () => {
    const ring = new Ring();
    ring.push(sample(0, 0));
    ring.push(sample(4_000, 0));
    ring.push(sample(12_000, 50), t0 - 60_000);
    const bars = ring.bars(t0 + 14_000, 2_000, 7).map((b) => b.successful);
    expect(bars).toEqual([0, 0, 10, 10, 10, 10, 10]);
  });

  it('takes no memory for a service that does nothing', () => {
    const ring = new Ring();
    for (let i = 0; i < 100; i++) ring.push(sample(1_000 * i, 5));
    expect((ring as unknown as { counts: unknown }).counts).toBeNull();
  });
});
