import { signal } from '@preact/signals';

import type { Standing } from './bands';

// What a canvas needs of the theme: its colours, and hatches of them, so that a
// band is known without its colour.

export interface Palette {
  text: string;
  muted: string;
  line: string;
  accent: string;
  good: string;
  failed: string;
  ignored: string;
  rejected: string;
  surface: string;
  bands: Record<Standing, { ground: string; mark: string }>;
}

function read(): Palette {
  const style = getComputedStyle(document.documentElement);
  const v = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: v('text'), muted: v('muted'), line: v('line'), accent: v('accent'), surface: v('surface'),
    good: `color-mix(in srgb, ${v('line-strong')} 55%, ${v('surface')})`, failed: v('open'), ignored: v('unknown'), rejected: v('forced'),
    bands: {
      closed: { ground: '', mark: '' },
      open: { ground: v('open-ground'), mark: v('open') },
      half_open: { ground: v('degraded-ground'), mark: v('degraded') },
      forced_open: { ground: v('forced-ground'), mark: v('forced') },
      forced_closed: { ground: v('forced-ground'), mark: v('forced') },
      disabled: { ground: v('unknown-ground'), mark: v('unknown') },
      gap: { ground: v('ground'), mark: v('muted') },
    },
  };
}

/** The colours of the present theme. */
export const palette = signal<Palette>(read());

const again = () => (palette.value = read());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });

type Hatch = 'none' | 'rising' | 'falling' | 'cross' | 'dots';

const hatches: Record<Standing, Hatch> = {
  closed: 'none', open: 'none', half_open: 'rising', forced_open: 'cross', forced_closed: 'falling', disabled: 'dots', gap: 'falling',
};

/** Fills a rectangle as a band of this kind. */
export function paintBand(ctx: CanvasRenderingContext2D, kind: Standing, x: number, y: number, w: number, h: number, ratio: number): void {
  const { ground, mark } = palette.peek().bands[kind];
  if (ground === '') return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.fillStyle = ground;
  ctx.fillRect(x, y, w, h);
  ctx.globalAlpha = kind === 'gap' ? 0.15 : 0.22;
  ctx.setLineDash([]); // a line that was drawn before may have left its own
  ctx.strokeStyle = mark;
  ctx.fillStyle = mark;
  ctx.lineWidth = ratio;
  paintHatch(ctx, hatches[kind], x, y, w, h, (kind === 'gap' ? 10 : 7) * ratio);
  ctx.restore();
}

function paintHatch(ctx: CanvasRenderingContext2D, hatch: Hatch, x: number, y: number, w: number, h: number, gap: number): void {
  if (hatch === 'none') return;
  ctx.beginPath();
  if (hatch === 'dots') {
    for (let i = Math.floor(x / gap) * gap; i < x + w; i += gap) for (let j = y; j < y + h; j += gap) ctx.rect(i, j, gap / 5, gap / 5);
    ctx.fill();
    return;
  }
  // From multiples of the gap, so that the lines stand still while the band moves by.
  for (let i = Math.floor((x - h) / gap) * gap; i < x + w + h; i += gap) {
    if (hatch !== 'falling') {
      ctx.moveTo(i, y + h);
      ctx.lineTo(i + h, y);
    }
    if (hatch !== 'rising') {
      ctx.moveTo(i, y);
      ctx.lineTo(i + h, y + h);
    }
  }
  ctx.stroke();
}
