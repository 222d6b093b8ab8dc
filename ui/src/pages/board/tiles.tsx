import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

import { countedAt, entries, turnedAt } from '../../live/live';
import { useKeys, type Key } from '../../keys';
import { go, moment, serviceURL } from '../../route';
import { count } from '../../format';
import { Shape } from '../../parts/badge';
import { Outside } from '../../parts/outside';
import type { Status } from '../../wire';
import { worstFirst } from '../../words';
import { groups, hold, release } from './arrangement';
import { headHeight, lay, sizes, step, visible, type Layout } from './layout';
import type { Group } from './order';
import { sinceOf } from './reason';
import { ringOf, seeds, seen } from './seed';
import { Tile } from './tile';
import { density, wanted } from './view';
import { failingDependencies } from './wrong';
import './tiles.css';

const spare = 240; // pixels drawn above and below what is seen
const fastest = 120; // pixels at once; nobody reads what goes by faster, so it is drawn roughly

/** The services as tiles, of which only those are drawn that can be seen. */
export function Tiles() {
  const ref = useRef<HTMLDivElement>(null);
  const width = useWidth(ref);
  const layout = useMemo(() => lay(groups.value, density.value, Math.max(width, 1)), [groups.value, density.value, width]);
  const { first, last, racing } = useVisible(ref, layout);
  const [active, setActive] = useState('');
  const moving = useMoving(groups.value, `${density.value} ${width}`);
  useArrows(ref, layout, active, setActive);

  const seed = seeds.value;
  const all = entries.value;
  const at = countedAt.value;
  const { height } = sizes[density.value];
  const { gap } = sizes[density.value];
  const place = layout.at.get(active);
  const tabStop = place ? active : (layout.lines.find((line) => line.names)?.names?.[0] ?? '');
  const lines = layout.lines.slice(first, last);
  // The tile that has the focus stays on the page wherever one scrolls to.
  if (place && (place.line < first || place.line >= last)) lines.push(layout.lines[place.line]!);

  const names = lines.flatMap((line) => line.names ?? []);
  const keys = useKeysOf(names, moving);
  const rough = useRough(names, racing);
  useEffect(() => {
    if (!racing) seen(names);
  }, [names.join(), racing, moment.value]);

  return (
    <div
      ref={ref}
      class={`tiles is-${density.value}${moving ? ' moving' : ''}`}
      role="group"
      aria-label="Services"
      onPointerMove={(event) => event.pointerType === 'mouse' && hold()}
      onPointerLeave={() => release()}
      onFocusCapture={() => hold()}
      onKeyDown={() => hold()}
      style={{ height: `${layout.height}px` }}
    >
      {/* One list, not one a line: only so can a tile be used again in another line, and keep the focus. */}
      {width > 0 && lines.flatMap((line) =>
        line.names
          ? line.names.map((name, column) => {
            const entry = all.get(name);
            return (
              <Tile
                key={keys.get(name)!}
                service={name}
                entry={entry}
                ring={ringOf(name)}
                seed={seed}
                needs={entry ? failingDependencies(entry, all).join(' ') : ''}
                since={entry && entry.status !== 'healthy' && entry.status !== 'unknown' ? (sinceOf(entry, turnedAt(name))?.at ?? 0) : 0}
                now={at}
                density={density.value}
                x={column * (layout.width + gap)}
                y={line.y}
                width={layout.width}
                height={height}
                rough={rough.has(name)}
                active={name === tabStop}
                focused={setActive}
              />
            );
          })
          : [<GroupHead key={`g:${line.group.key}`} group={line.group} y={line.y} />])}
    </div>
  );
}

function GroupHead({ group, y }: { group: Group; y: number }) {
  const by = wanted.value.group;
  const all = entries.peek();
  let bad = 0;
  if (by === 'layer') for (const name of group.names) if (all.get(name)?.status === 'circuit_open' || all.get(name)?.status === 'unhealthy') bad++;
  return (
    <h2 class="tiles-group" style={{ transform: `translateY(${y}px)`, height: `${headHeight}px` }}>
      {by === 'status' && (worstFirst as string[]).includes(group.key) && <Shape status={group.key as Status} />}
      <Outside text={group.title} />
      <span class="muted">{count(group.names.length)}</span>
      {bad > 0 && <span class="is-circuit_open">{bad} failing</span>}
    </h2>
  );
}

function useWidth(ref: { current: HTMLDivElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(ref.current?.clientWidth ?? 0);
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current!);
    measure();
    return () => observer.disconnect();
  }, []);
  return width;
}

/** The lines on the screen; it follows the window's scrolling. */
function useVisible(ref: { current: HTMLDivElement | null }, layout: Layout): { first: number; last: number; racing: boolean } {
  // Where the tiles begin on the page and how far it is scrolled: asked for only
  // in events, when the page is laid out anyway; asking while drawing lays it out anew.
  const seen = useRef({ top: 0, scroll: 0, height: 900 });
  const look = (): [number, number] => {
    const from = seen.current.scroll - seen.current.top;
    return visible(layout.lines, from - spare, from + seen.current.height + spare);
  };
  const [, redraw] = useState('');
  const race = useRef({ fast: 0, at: 0 });
  const racing = race.current.fast > 1;
  useLayoutEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const scrolled = () => {
      const way = Math.abs(window.scrollY - seen.current.scroll);
      const often = performance.now() - race.current.at < 250;
      race.current = { fast: way > fastest ? (often ? race.current.fast + 1 : 1) : 0, at: performance.now() };
      seen.current.scroll = window.scrollY;
      clearTimeout(timer);
      if (race.current.fast > 1) {
        timer = setTimeout(() => {
          race.current.fast = 0;
          redraw('calm');
        }, 120);
      }
      redraw(look().join());
    };
    const measured = () => {
      seen.current = { top: (ref.current?.getBoundingClientRect().top ?? 0) + window.scrollY, scroll: window.scrollY, height: window.innerHeight };
      redraw(look().join());
    };
    const observer = new ResizeObserver(measured);
    observer.observe(document.body);
    for (const part of ref.current?.parentElement?.children ?? []) if (part !== ref.current) observer.observe(part);
    measured();
    window.addEventListener('scroll', scrolled, { passive: true });
    window.addEventListener('resize', measured);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
      window.removeEventListener('scroll', scrolled);
      window.removeEventListener('resize', measured);
    };
  }, [layout]);
  const [first, last] = look();
  return { first, last, racing };
}

/**
 * The keys under which tiles are drawn. What scrolls in takes the place of what
 * scrolled out, which is cheaper by far than to make it anew; where tiles glide
 * each keeps its own.
 */
function useKeysOf(names: string[], moving: boolean): Map<string, number> {
  const held = useRef({ keys: new Map<string, number>(), free: [] as number[], next: 0 });
  const { keys, free } = held.current;
  const now = new Set(names);
  for (const [name, key] of keys) {
    if (now.has(name)) continue;
    keys.delete(name);
    if (!moving) free.push(key);
  }
  for (const name of names) if (!keys.has(name)) keys.set(name, (moving ? undefined : free.pop()) ?? held.current.next++);
  return keys;
}

/** What came on the screen while it raced by. */
function useRough(names: string[], racing: boolean): Set<string> {
  const rough = useRef(new Set<string>());
  const whole = useRef(new Set<string>());
  if (!racing) rough.current = new Set();
  else rough.current = new Set(names.filter((name) => !whole.current.has(name)));
  whole.current = new Set(names.filter((name) => !rough.current.has(name)));
  return rough.current;
}

/** Whether tiles glide to their places: for a moment after the order changed, and not where the board's size did. */
function useMoving(order: Group[], size: string): boolean {
  const before = useRef({ order, size });
  const until = useRef(0);
  if (before.current.size !== size) until.current = 0;
  else if (before.current.order !== order) until.current = performance.now() + 250;
  before.current = { order, size };
  useEffect(() => {
    const end = () => (until.current = 0);
    window.addEventListener('scroll', end, { passive: true });
    return () => window.removeEventListener('scroll', end);
  }, []);
  return performance.now() < until.current;
}

function useArrows(ref: { current: HTMLDivElement | null }, layout: Layout, active: string, setActive: (service: string) => void): void {
  const target = useRef('');
  useEffect(() => {
    if (target.current === '') return;
    const tile = ref.current?.querySelector<HTMLElement>(`[data-service="${CSS.escape(target.current)}"]`);
    target.current = '';
    tile?.focus({ preventScroll: true });
    tile?.scrollIntoView({ block: 'nearest' });
  });
  const move = (event: KeyboardEvent) => {
    const inside = ref.current?.contains(document.activeElement);
    const to = step(layout, inside ? active : '', event.key);
    if (to === '') return;
    event.preventDefault();
    hold();
    target.current = to;
    setActive(to);
    if (to === active) ref.current?.querySelector<HTMLElement>(`[data-service="${CSS.escape(to)}"]`)?.focus();
  };
  const arrow = (key: string, does: string): Key => ({ key, does, run: move });
  useKeys([
    arrow('ArrowDown', 'to the tile below'), arrow('ArrowUp', 'to the tile above'),
    arrow('ArrowRight', 'to the next tile'), arrow('ArrowLeft', 'to the tile before'),
    { key: 'Enter', does: 'open the service', run: () => active !== '' && go(serviceURL(active)) },
  ]);
}
