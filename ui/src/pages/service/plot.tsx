import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import type { Band } from './bands';
import { paintBand, palette, type Palette } from './paint';
import type { Stretch } from './ranges';

/** A line of a plot, or its bars. */
export interface Line {
  name: string;
  values: (number | null)[];
  colour: (p: Palette) => string;
  dash?: number[];
  width?: number;
}

export interface PlotProps {
  view: Stretch;
  at: number[]; // milliseconds
  lines: Line[];
  bands: readonly Band[];
  /** A moment that is looked at, and one that is pointed to. */
  moment: number | null;
  marked: number | null;
  height: number;
  axis: boolean;
  /** Each value is a bar as wide as its step. */
  bars: boolean;
  format: (n: number) => string;
  /** The least top of the scale. */
  least: number;
  point: (at: number | null) => void;
  zoom: (to: Stretch) => void;
}

export const gutter = { left: 58, right: 24 };

const sync = uPlot.sync('service');

/** A plot over time, on a canvas; what it shows is told in words beside it. */
export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;

  useEffect(() => {
    const element = host.current!;
    const u = new uPlot(options(now, element.clientWidth), dataOf(props), element);
    plot.current = u;
    const sizes = new ResizeObserver(() => u.setSize({ width: element.clientWidth, height: props.height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [props.lines.length, props.height, props.axis]);

  useEffect(() => plot.current?.setData(dataOf(props)));
  useSignalEffect(() => {
    palette.value;
    plot.current?.redraw(false, true);
  });
  return <div ref={host} class="svc-plot" style={{ height: `${props.height}px` }} aria-hidden="true" />;
}

const dataOf = ({ at, lines }: PlotProps): uPlot.AlignedData => [at.map((t) => t / 1_000), ...lines.map((l) => l.values)];

function options(now: { current: PlotProps }, width: number): uPlot.Options {
  const { lines, height, axis, bars } = now.current;
  const colour = (i: number) => () => now.current.lines[i]?.colour(palette.peek()) ?? '';
  const font = '11px system-ui, sans-serif';
  const grid = { stroke: () => palette.peek().line, width: 1 };
  return {
    width, height, pxAlign: 1, padding: [8, gutter.right, axis ? 0 : 6, 0],
    legend: { show: false },
    cursor: {
      sync: { key: sync.key, setSeries: false, filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave', sub: () => true } },
      drag: { x: true, y: false, setScale: false, dist: 6 },
      points: { show: !bars, size: 5 },
      y: false,
    },
    scales: {
      x: { time: true, range: () => [now.current.view.from / 1_000, now.current.view.to / 1_000] },
      y: { range: (_, __, max) => [0, Math.max(max ?? 0, now.current.least) * 1.08] },
    },
    axes: [
      {
        show: axis, stroke: () => palette.peek().muted, font, size: 26, space: 70, gap: 4, grid, ticks: { ...grid, size: 4 },
        values: (_, splits) => splits.map((s, i) => timeLabel(s * 1_000, i > 0 ? splits[i - 1]! * 1_000 : null, (splits[1] ?? s) - splits[0]!)),
      },
      {
        stroke: () => palette.peek().muted, font, size: gutter.left, space: 26, gap: 6, grid, ticks: { show: false },
        values: (_, splits) => splits.map((s) => now.current.format(s)),
      },
    ],
    series: [
      {},
      ...lines.map((l, i): uPlot.Series => ({
        label: l.name, stroke: colour(i), width: l.width ?? 1.5, spanGaps: false, points: { show: false },
        ...(bars ? { fill: colour(i), paths: uPlot.paths.bars!({ size: [1, Infinity], align: 1, gap: 0 }) } : {}),
        ...(l.dash ? { dash: l.dash } : {}),
      })),
    ],
    hooks: {
      drawClear: [(u) => under(u, now.current)],
      draw: [(u) => overGaps(u, now.current), (u) => over(u, now.current)],
      setCursor: [
        (u) => {
          const left = u.cursor.left ?? -1;
          now.current.point(left >= 0 ? u.posToVal(left, 'x') * 1_000 : null);
        },
      ],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          const [from, to] = [u.posToVal(u.select.left, 'x') * 1_000, u.posToVal(u.select.left + u.select.width, 'x') * 1_000];
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          now.current.zoom({ from, to });
        },
      ],
    },
  };
}

/** The bands, behind all. */
const under = (u: uPlot, { bands }: PlotProps): void => paintBands(u, bands);

/** The gaps, over all: a bar is as wide as its step, of which a part may be in one. */
const overGaps = (u: uPlot, { bands }: PlotProps): void => paintBands(u, bands.filter((b) => b.kind === 'gap'));

function paintBands(u: uPlot, bands: readonly Band[]): void {
  const { left, top, width, height } = u.bbox;
  for (const b of bands) {
    const x0 = Math.max(left, u.valToPos(b.from / 1_000, 'x', true));
    const x1 = Math.min(left + width, u.valToPos(b.to / 1_000, 'x', true));
    if (x1 > x0) paintBand(u.ctx, b.kind, x0, top, Math.max(x1 - x0, devicePixelRatio), height, devicePixelRatio);
  }
}

/** The moments, over all. */
function over(u: uPlot, { moment, marked }: PlotProps): void {
  const { left, top, width, height } = u.bbox;
  const line = (at: number | null, colour: string, dash: number[], w: number) => {
    if (at === null) return;
    const x = Math.round(u.valToPos(at / 1_000, 'x', true));
    if (x < left || x > left + width) return;
    u.ctx.save();
    u.ctx.strokeStyle = colour;
    u.ctx.lineWidth = w * devicePixelRatio;
    u.ctx.setLineDash(dash.map((d) => d * devicePixelRatio));
    u.ctx.beginPath();
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, top + height);
    u.ctx.stroke();
    u.ctx.restore();
  };
  line(moment, palette.peek().accent, [], 2);
  line(marked, palette.peek().text, [3, 3], 1);
}

const part = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, { hour12: false, ...options });
const [withSeconds, withMinutes, withDay] = [
  part({ hour: '2-digit', minute: '2-digit', second: '2-digit' }), part({ hour: '2-digit', minute: '2-digit' }), part({ month: 'short', day: 'numeric' }),
];

/** The time at a tick, as exact as the ticks are apart; the day where it changes. */
function timeLabel(at: number, before: number | null, apart: number): string {
  const newDay = before !== null && new Date(before).getDate() !== new Date(at).getDate();
  if (apart >= 86_400 || newDay) return withDay.format(at);
  return (apart < 60 ? withSeconds : withMinutes).format(at);
}
