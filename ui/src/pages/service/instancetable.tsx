import { useLayoutEffect, useRef, useState } from 'preact/hooks';

import { count, duration, span, utc } from '../../format';
import { Shape } from '../../parts/badge';
import { Outside } from '../../parts/outside';
import type { Instance, Status } from '../../wire';
import { shortId } from '../../words';
import { isCurrent, nameOf, standingOf, standingWords, standsSince, type Standing } from './instances';

const narrow = 900; // pixels, below which each is a card
const heights = { rows: 54, cards: 168 };
const few = 40; // so many are drawn wherever one is
const spare = 300; // pixels drawn above and below what is seen

const columns = [
  ['instance', 'Instance'], ['state', 'State'], ['program', 'Program'], ['config', 'Config'], ['operations', 'Operations'],
  ['failures', 'Failures in window'], ['rejected', 'Rejected'], ['p95', 'p95'], ['heard', 'Last heard'], ['node', 'Node'],
] as const;

/** The instances as rows, or as cards where there is little room; only those are drawn that can be seen. */
export function InstanceTable({ list, version, now }: { list: readonly Instance[]; version: number; now: number }) {
  const ref = useRef<HTMLDivElement>(null);
  const seen = useVisible(ref, list.length);
  const { width } = seen;
  const [first, last] = list.length <= few ? [0, list.length] : [seen.first, seen.last];
  const cards = width > 0 && width < narrow;
  const height = cards ? heights.cards : heights.rows;
  return (
    <div class={cards ? 'inst is-cards' : 'inst'} role="table" aria-label="Instances" aria-rowcount={list.length + 1} aria-colcount={columns.length}>
      <div role="rowgroup" class="inst-head">
        <div role="row" class="inst-row" aria-rowindex={1}>
          {columns.map(([name, words]) => <span key={name} role="columnheader" class={`inst-${name}`}>{words}</span>)}
        </div>
      </div>
      <div role="rowgroup" class="inst-body" ref={ref} style={{ height: `${list.length * height}px` }}>
        {list.slice(first, last).map((one, i) => <Row key={one.instance} one={one} version={version} now={now} index={first + i} y={(first + i) * height} height={height} />)}
      </div>
    </div>
  );
}

/** Which rows are on the screen, as the window is scrolled. */
function useVisible(ref: { current: HTMLDivElement | null }, n: number): { width: number; first: number; last: number } {
  const [seen, setSeen] = useState({ width: 0, first: 0, last: 0 });
  useLayoutEffect(() => {
    const look = () => {
      const box = ref.current?.getBoundingClientRect();
      if (!box) return;
      const height = box.width < narrow ? heights.cards : heights.rows;
      const first = Math.max(0, Math.min(n, Math.floor((-box.top - spare) / height)));
      const last = Math.max(first, Math.min(n, Math.ceil((window.innerHeight - box.top + spare) / height)));
      setSeen((was) => (was.width === box.width && was.first === first && was.last === last ? was : { width: box.width, first, last }));
    };
    const observer = new ResizeObserver(look);
    observer.observe(ref.current!);
    observer.observe(document.body); // what is above may grow
    look();
    window.addEventListener('scroll', look, { passive: true });
    window.addEventListener('resize', look);
    return () => {
      observer.disconnect();
      window.removeEventListener('scroll', look);
      window.removeEventListener('resize', look);
    };
  }, [n]);
  return seen;
}

const shapes: Record<Standing, Status> = { open: 'circuit_open', half_open: 'degraded', silent: 'unknown', closed: 'healthy', away: 'unknown', gone: 'unknown' };

function Row({ one, version, now, index, y, height }: { one: Instance; version: number; now: number; index: number; y: number; height: number }) {
  const standing = standingOf(one, now);
  const { operations: o, performance: p, circuit_breaker: c } = one;
  return (
    <div role="row" class={`inst-row is-${standing}`} aria-rowindex={index + 2} style={{ transform: `translateY(${y}px)`, height: `${height}px` }}>
      <span role="cell" class="inst-instance"><b title={nameOf(one)}><Outside text={nameOf(one)} /></b><small class="mono" title={one.instance}>{shortId(one.instance)}</small></span>
      <span role="cell" class="inst-state"><State one={one} standing={standing} now={now} /></span>
      <span role="cell" class="inst-program" data-name="Program" title={`${one.program}, ${one.library}`}><span><Outside text={one.program || '–'} /></span></span>
      <span role="cell" class="inst-config" data-name="Config"><ConfigOf one={one} version={version} /></span>
      <span role="cell" class="inst-operations" data-name="Operations">{count(o.total)}{o.failed > 0 && <small>{count(o.failed)} failed</small>}</span>
      <span role="cell" class={c.failures > 0 ? 'inst-failures is-some' : 'inst-failures'} data-name="Failures in window">{count(c.failures)}</span>
      <span role="cell" class="inst-rejected" data-name="Rejected">{count(o.rejected)}</span>
      <span role="cell" class="inst-p95" data-name="p95">{p.p95OperationTimeMs > 0 ? duration(p.p95OperationTimeMs) : '–'}</span>
      <span role="cell" class="inst-heard" data-name="Last heard"><Heard at={one.seen_at} now={now} /></span>
      <span role="cell" class="inst-node" data-name="Node" title={one.address && `from ${one.address}`}><span><Outside text={one.node || '–'} /></span></span>
    </div>
  );
}

/** How it stands; below it since when, or who overrides it. */
function State({ one, standing, now }: { one: Instance; standing: Standing; now: number }) {
  const { mode, override } = one.circuit_breaker;
  const heard = standing === 'open' || standing === 'half_open' || standing === 'closed';
  const forced = heard && mode !== 'auto';
  const since = standing === 'gone' ? null : standsSince(one);
  return (
    <>
      <span class={`badge is-${forced ? 'forced' : shapes[standing]}`}><Shape status={forced ? 'forced' : shapes[standing]} />{standingWords(one, standing)}</span>
      {forced && override ? <small title={override.reason}>by <Outside text={override.actor} />: <Outside text={override.reason} /></small>
        : since && <small>since <time dateTime={since} title={utc(Date.parse(since))}>{span(now - Date.parse(since))}</time></small>}
    </>
  );
}

function ConfigOf({ one, version }: { one: Instance; version: number }) {
  const own = one.config_version > 0 ? `version ${one.config_version}` : 'its code’s own';
  if (one.config_error !== null) return <><span class="inst-other"><Shape status="unhealthy" />{own}</span><small title={one.config_error}>refused: <Outside text={one.config_error} /></small></>;
  if (isCurrent(one, version)) return <span>{own}</span>;
  return <><span class="inst-other"><Shape status="degraded" />{own}</span><small>not version {version}</small></>;
}

function Heard({ at, now }: { at: string; now: number }) {
  const ms = Math.max(0, now - Date.parse(at));
  return <time dateTime={at} title={utc(Date.parse(at))}>{ms < 1_000 ? 'now' : `${span(ms)} ago`}</time>;
}
