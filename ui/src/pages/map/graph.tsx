import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

import { useKeys } from '../../keys';
import { size, type Layout, type Line } from './layout';
import { centre, clamp, fit, reveal, zoomAt, type View } from './view';
import { walk } from './walk';

/** From this zoom on down only shapes and names are shown, larger. */
const far = 0.5;

/** More lines than these are lit without movement. */
const movingAtMost = 60;

export interface GraphProps {
  layout: Layout;
  /** What is drawn in a box, where it leads to, and what else is told to who does not see the drawing. */
  box: (id: string) => { href: string; className: string; content: ComponentChildren; more: string };
  /** How a line looks: 'lit' into what fails, 'blast' on its way further up, 'near-blast' where it is not felt yet. */
  line: (line: Line) => '' | 'lit' | 'blast' | 'near-blast';
  /** What is looked at; the others step back. */
  near: ReadonlySet<string> | null;
  look: (id: string | null) => void;
  /** Where the eye is led at first where not all can be read. */
  first: string | null;
  /** Shows this box; the number rises with each wish. */
  wish: { id: string; n: number } | null;
  label: string;
  bandName: (layer: string) => string;
}

export function Graph({ layout, box, line, near, look, first, wish, label, bandName }: GraphProps) {
  const frame = useRef<HTMLDivElement>(null);
  const drawing = useRef<HTMLDivElement>(null);
  const view = useRef<View>({ x: 0, y: 0, zoom: 1 });
  const touched = useRef(false);
  const stop = useRef<string | null>(null); // the box that Tab comes to

  const room = () => ({ width: frame.current?.clientWidth ?? 1, height: frame.current?.clientHeight ?? 1 });
  const show = (next: View) => {
    view.current = next;
    if (!drawing.current) return;
    drawing.current.style.transform = `translate(${next.x}px, ${next.y}px) scale(${next.zoom})`;
    drawing.current.classList.toggle('far', next.zoom < far);
  };
  const all = () => {
    touched.current = false;
    const whole = fit(layout, { ...room(), height: room().height - 30 }); // above the buttons
    const eye = layout.boxes.get(first ?? '');
    show(room().width < 640 && whole.zoom < far && eye ? clamp(centre({ ...size, x: eye.x, y: eye.y }, room(), 0.75), layout, room()) : whole);
  };
  const zoom = (factor: number, x = room().width / 2, y = room().height / 2) => {
    touched.current = true;
    show(zoomAt(view.current, factor, x, y));
  };

  useLayoutEffect(all, [layout]);
  useEffect(() => {
    const resized = new ResizeObserver(() => (touched.current ? undefined : all()));
    resized.observe(frame.current!);
    return () => resized.disconnect();
  }, [layout]);
  useEffect(() => {
    const target = layout.boxes.get(wish?.id ?? '');
    if (!target) return;
    touched.current = true;
    const place = { ...size, x: target.x, y: target.y };
    show(view.current.zoom >= far ? reveal(view.current, place, room()) : centre(place, room(), 0.7));
    stop.current = target.id;
    node(frame.current, target.id)?.focus({ preventScroll: true });
  }, [wish?.n]);
  usePointer(frame, view, show, () => (touched.current = true));
  useKeys([
    { key: '+', does: 'nearer, on the map', run: () => zoom(1.25) },
    { key: '-', does: 'further, on the map', run: () => zoom(0.8) },
    { key: '0', does: 'the whole map', run: all },
  ]);

  if (stop.current === null || !layout.boxes.has(stop.current)) {
    stop.current = first !== null && layout.boxes.has(first) ? first : (layout.boxes.keys().next().value ?? null);
  }

  const arrow = (event: KeyboardEvent, id: string) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = walk(layout, id, event.key);
    if (to === null) return;
    event.preventDefault();
    node(frame.current, to)?.focus({ preventScroll: true });
  };
  const focused = (id: string) => {
    node(frame.current, stop.current ?? '')?.setAttribute('tabindex', '-1');
    node(frame.current, id)?.setAttribute('tabindex', '0');
    stop.current = id;
    look(id);
    const at = layout.boxes.get(id)!;
    show(reveal(view.current, { ...size, x: at.x, y: at.y }, room()));
  };

  const lit = layout.lines.filter((l) => line(l) === 'lit');
  return (
    <div class="map-frame" ref={frame}>
      <div class={near ? 'map-drawing looking' : 'map-drawing'} ref={drawing} style={{ width: px(layout.width), height: px(layout.height) }}>
        {layout.bands.map((band) => (
          <div key={band.layer} class="map-band" style={{ top: px(band.y), height: px(band.height) }}>
            <span>{bandName(band.layer)}</span>
          </div>
        ))}
        <svg class="map-lines" width={layout.width} height={layout.height} aria-hidden="true">
          {layout.lines.map((l) => (
            <path key={`${l.from}\n${l.to}`} d={l.path} class={[line(l), near?.has(l.from) && near.has(l.to) ? 'near' : ''].join(' ')} />
          ))}
          {lit.length <= movingAtMost && lit.map((l) => <path key={`flow ${l.from}\n${l.to}`} d={l.path} class={near && !(near.has(l.from) && near.has(l.to)) ? 'flow dim' : 'flow'} />)}
        </svg>
        <nav aria-label={label}>
          {[...layout.boxes.values()].map(({ id, x, y }) => {
            const { href, className, content, more } = box(id);
            return (
              <a
                key={id} data-box={id} href={href} class={`map-box ${className} ${near?.has(id) ? 'near' : ''}`}
                style={{ left: px(x), top: px(y), width: px(size.width), height: px(size.height) }} tabIndex={id === stop.current ? 0 : -1} draggable={false}
                onMouseEnter={() => look(id)} onMouseLeave={() => look(null)}
                onFocus={() => focused(id)} onBlur={() => look(null)} onKeyDown={(event) => arrow(event, id)}
              >
                {content}
                <span class="hidden-visually">. {more}</span>
              </a>
            );
          })}
        </nav>
      </div>
      <div class="map-tools">
        <button type="button" class="button" aria-label="Nearer" title="Nearer (+)" onClick={() => zoom(1.25)}>+</button>
        <button type="button" class="button" aria-label="Further" title="Further (-)" onClick={() => zoom(0.8)}>−</button>
        <button type="button" class="button" title="The whole map (0)" onClick={all}>Fit</button>
      </div>
    </div>
  );
}

const px = (n: number) => `${n}px`;

const node = (frame: HTMLElement | null, id: string): HTMLElement | null =>
  frame?.querySelector<HTMLElement>(`[data-box="${CSS.escape(id)}"]`) ?? null;

/** Dragging moves, the wheel and two fingers zoom; a drag is no click on what it began on. */
function usePointer(frame: { current: HTMLDivElement | null }, view: { current: View }, show: (view: View) => void, touch: () => void): void {
  useEffect(() => {
    const element = frame.current!;
    const fingers = new Map<number, { x: number; y: number }>();
    let moved = 0;
    const place = (event: PointerEvent | WheelEvent) => {
      const { left, top } = element.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    const down = (event: PointerEvent) => {
      if (event.button !== 0 || (event.target as Element).closest('.map-tools')) return;
      if (fingers.size === 0) moved = 0;
      fingers.set(event.pointerId, place(event));
    };
    const move = (event: PointerEvent) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const to = place(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      moved += Math.abs(to.x - before.x) + Math.abs(to.y - before.y);
      fingers.set(event.pointerId, to);
      if (moved < 4) return;
      touch();
      element.setPointerCapture(event.pointerId);
      if (other) {
        const factor = Math.hypot(to.x - other.x, to.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
        show(zoomAt(view.current, factor, other.x, other.y));
      } else {
        show({ ...view.current, x: view.current.x + to.x - before.x, y: view.current.y + to.y - before.y });
      }
    };
    const up = (event: PointerEvent) => fingers.delete(event.pointerId);
    const click = (event: MouseEvent) => {
      if (moved < 4) return;
      event.preventDefault();
      event.stopPropagation();
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      touch();
      const { x, y } = place(event);
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
      show(zoomAt(view.current, Math.exp(-Math.max(-150, Math.min(150, event.deltaY * lines)) / (event.ctrlKey ? 120 : 500)), x, y));
    };
    const abort = new AbortController();
    const { signal } = abort;
    element.addEventListener('pointerdown', down, { signal });
    element.addEventListener('pointermove', move, { signal });
    for (const end of ['pointerup', 'pointercancel'] as const) element.addEventListener(end, up, { signal });
    element.addEventListener('click', click, { signal, capture: true });
    element.addEventListener('wheel', wheel, { signal, passive: false });
    return () => abort.abort();
  }, []);
}
