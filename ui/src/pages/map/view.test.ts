import { expect, it } from 'vitest';

import { clamp, fit, least, most, reveal, zoomAt } from './view';

const window = { width: 800, height: 600 };

it('fits a drawing into the middle, and does not blow up a small one', () => {
  expect(fit({ width: 100, height: 50 }, window)).toEqual({ x: 350, y: 275, zoom: 1 });
  const view = fit({ width: 1_520, height: 400 }, window);
  expect(view.zoom).toBe(0.5);
  expect(view.x).toBe(20);
});

it('zooms about the point that is pointed at, within its limits', () => {
  const view = { x: 10, y: 20, zoom: 1 };
  const near = zoomAt(view, 2, 110, 220);
  expect((110 - near.x) / near.zoom).toBeCloseTo(100);
  expect((220 - near.y) / near.zoom).toBeCloseTo(200);
  expect(zoomAt(view, 1_000, 0, 0).zoom).toBe(most);
  expect(zoomAt(view, 0.0001, 0, 0).zoom).toBe(least);
});

it('reveals a box that is out of sight, and moves nothing else', () => {
  const view = { x: 0, y: 0, zoom: 1 };
  expect(reveal(view, { x: 100, y: 100, width: 50, height: 50 }, window)).toEqual(view);
  const moved = reveal(view, { x: 900, y: -40, width: 50, height: 50 }, window);
  expect(moved).toEqual({ x: 800 - 24 - 950, y: 24 + 40, zoom: 1 });
});

it('shows no empty ground while there is more of the drawing to see', () => {
  const drawing = { width: 2_000, height: 300 };
  expect(clamp({ x: 500, y: -900, zoom: 1 }, drawing, window)).toEqual({ x: 20, y: 150, zoom: 1 });
  expect(clamp({ x: -3_000, y: 0, zoom: 1 }, drawing, window).x).toBe(800 - 20 - 2_000);
  expect(clamp({ x: -600, y: 0, zoom: 1 }, drawing, window).x).toBe(-600);
});
