import { describe, expect, it } from 'vitest';

import { fromGoDuration, goDuration, panBy, rangeOf, ranges, stepFor, viewOf, zoomBy, zoomOf } from './ranges';

const now = Date.UTC(2026, 10, 23, 16, 0, 0);
const minute = 60_000;
const hour = 60 * minute;

describe('stepFor', () => {
  it('gives every range a readable number of points', () => {
    for (const { name, ms } of ranges) {
      const points = ms / stepFor({ from: now - ms, to: now }, now);
      expect(points, name).toBeGreaterThanOrEqual(150);
      expect(points, name).toBeLessThanOrEqual(360);
    }
  });

  it('asks for nothing finer than what is still kept at the start', () => {
    expect(stepFor({ from: now - 5 * minute, to: now }, now)).toBe(1_000);
    expect(stepFor({ from: now - 30 * minute, to: now - 28 * minute }, now)).toBe(10_000);
    expect(stepFor({ from: now - 7 * hour, to: now - 7 * hour + minute }, now)).toBe(60_000);
  });

  it('never asks for a step that the kept one does not divide', () => {
    for (let age = 1; age < 30 * 24 * 60; age += 97) {
      for (const width of [minute, hour, 24 * hour]) {
        const from = now - age * minute;
        const step = stepFor({ from, to: Math.min(now, from + width) }, now);
        expect(step % (age > 360 ? 60_000 : age > 15 ? 10_000 : 1_000)).toBe(0);
      }
    }
  });

  it('is written as Go reads a duration, and read as Go writes one', () => {
    expect(goDuration(300_000)).toBe('300s');
    expect(['5s', '1m0s', '2h0m0s', '30m', '', '5'].map(fromGoDuration)).toEqual([5_000, 60_000, 7_200_000, 1_800_000, NaN, NaN]);
  });
});

describe('viewOf', () => {
  const range = 15 * minute;

  it('ends now and is live', () => {
    expect(viewOf({ zoom: null, range, moment: null, now })).toEqual({ from: now - range, to: now, live: true });
  });

  it('shows a moment of the past with some of what came after', () => {
    const moment = now - hour;
    const view = viewOf({ zoom: null, range, moment, now });
    expect(view.live).toBe(false);
    expect(view.from).toBeLessThan(moment);
    expect(view.to).toBeGreaterThan(moment);
    expect(view.to - view.from).toBe(range);
  });

  it('never reaches beyond now', () => {
    expect(viewOf({ zoom: null, range, moment: now - minute, now }).to).toBe(now);
  });

  it('stands still while one steps within it, and follows when one leaves it', () => {
    const before = viewOf({ zoom: null, range, moment: now - hour, now });
    const same = viewOf({ zoom: null, range, moment: now - hour + minute, now: now + minute, before });
    expect([same.from, same.to]).toEqual([before.from, before.to]);
    const moved = viewOf({ zoom: null, range, moment: now - 2 * hour, now, before });
    expect(moved.from).not.toBe(before.from);
  });

  it('lets a zoom stand', () => {
    expect(viewOf({ zoom: { from: 5, to: 9 }, range, moment: 3, now })).toEqual({ from: 5, to: 9, live: false });
  });
});

describe('zooming', () => {
  it('reads none from what is no stretch', () => {
    expect(zoomOf('', '')).toBeNull();
    expect(zoomOf('2026-11-23T16:00:00Z', '2026-11-23T15:00:00Z')).toBeNull();
    expect(zoomOf('2026-11-23T15:00:00Z', '2026-11-23T16:00:00Z')).toEqual({ from: now - hour, to: now });
  });

  it('keeps to ten seconds at least, and to now', () => {
    const small = zoomBy({ from: now - 12_000, to: now }, 0.1, now);
    expect(small.to - small.from).toBe(10_000);
    expect(zoomBy({ from: now - hour, to: now }, 2, now).to).toBe(now);
    expect(panBy({ from: now - hour, to: now - minute }, 0.5, now).to).toBe(now);
  });

  it('pans by a share', () => {
    expect(panBy({ from: now - 2 * hour, to: now - hour }, -0.5, now)).toEqual({ from: now - 2.5 * hour, to: now - 1.5 * hour });
  });
});

it('knows the usual range for a name that is none', () => expect(rangeOf('nonsense').name).toBe('15m'));
