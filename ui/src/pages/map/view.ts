// What of the map is seen: a point of the drawing at (px, py) is shown at
// (x + zoom·px, y + zoom·py) of the window.

export interface View {
  x: number;
  y: number;
  zoom: number;
}

export interface Size {
  width: number;
  height: number;
}

export const least = 0.08;
export const most = 2.5;

const within = (n: number, low: number, high: number) => Math.min(Math.max(n, low), high);

/** All of the drawing in the middle of the window, never larger than it was drawn. */
export function fit(drawing: Size, window: Size, pad = 20): View {
  const zoom = within(Math.min((window.width - 2 * pad) / drawing.width, (window.height - 2 * pad) / drawing.height), least, 1);
  return { x: (window.width - zoom * drawing.width) / 2, y: (window.height - zoom * drawing.height) / 2, zoom };
}

/** Nearer or further, with the point under (x, y) of the window staying there. */
export function zoomAt(view: View, factor: number, x: number, y: number): View {
  const zoom = within(view.zoom * factor, least, most);
  const real = zoom / view.zoom;
  return { x: x - real * (x - view.x), y: y - real * (y - view.y), zoom };
}

/** Moves as little as it takes to see a box whole, if it is not. */
export function reveal(view: View, box: { x: number; y: number; width: number; height: number }, window: Size, pad = 24): View {
  const [left, top] = [view.x + view.zoom * box.x, view.y + view.zoom * box.y];
  const [right, bottom] = [left + view.zoom * box.width, top + view.zoom * box.height];
  const shift = (low: number, high: number, room: number) => (low < pad ? pad - low : high > room - pad ? room - pad - high : 0);
  return { ...view, x: view.x + shift(left, right, window.width), y: view.y + shift(top, bottom, window.height) };
}

/** Leaves no more room beyond an edge of the drawing than the rest of it needs. */
export function clamp(view: View, drawing: Size, window: Size, pad = 20): View {
  const one = (at: number, length: number, room: number) => (length + 2 * pad <= room ? (room - length) / 2 : within(at, room - pad - length, pad));
  return { ...view, x: one(view.x, view.zoom * drawing.width, window.width), y: one(view.y, view.zoom * drawing.height, window.height) };
}

/** Shows a box in the middle, at a zoom at which its words can be read. */
export function centre(box: { x: number; y: number; width: number; height: number }, window: Size, zoom: number): View {
  return { zoom, x: window.width / 2 - zoom * (box.x + box.width / 2), y: window.height / 2 - zoom * (box.y + box.height / 2) };
}
