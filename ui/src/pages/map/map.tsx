import { useMemo, useRef, useState } from 'preact/hooks';

import { blast, dependants, failing } from '../../graph';
import { entries as shownEntries, shownAt } from '../../live/live';
import { summary } from '../../live/summary';
import { Shape } from '../../parts/badge';
import { Countdown } from '../../parts/moment';
import { moment, parameter, serviceURL, setParameters } from '../../route';
import { circuitWords, statusWords } from '../../words';
import type { Entry, Status } from '../../wire';
import type { Wrong } from '../board/wrong';
import { useCalm } from './calm';
import { Graph, type GraphProps } from './graph';
import { layOut, type Layout } from './layout';
import { LayerList, MapList } from './list';
import { Legend, RootsPanel } from './panel';
import { around, groupByLayer, room, scene, type Group, type Scene } from './scene';
import { narrow } from './narrow';
import { Search } from './search';
import { told } from './told';
import './map.css';

const steadyFor = 4_000;

/** A layer without a name has one in the URL all the same. */
const noLayer = '-';

/** The drawing of the last scene stays as long as its boxes and lines do, so that it does not jump with states. */
function useLayout(items: Scene['items']): Layout {
  const last = useRef<{ key: string; layout: Layout } | null>(null);
  const key = items.map((item) => `${item.id}\t${item.layer}\t${item.dependencies.join(' ')}`).sort().join('\n');
  if (last.current?.key !== key) last.current = { key, layout: layOut(items) };
  return last.current.layout;
}

/** Where only the worst have room, who they are is looked at anew every few seconds: in a storm one could not read it otherwise. */
function useSteady(found: Scene, key: string): Scene {
  const last = useRef<{ key: string; at: number; scene: Scene } | null>(null);
  const now = Date.now();
  if (found.left === 0 || last.current?.key !== key || now - last.current.at > steadyFor) last.current = { key, at: now, scene: found };
  return last.current.scene;
}

export function MapPage() {
  const known = useCalm(summary, 200); // it follows the states
  moment.value;
  const focus = parameter('focus');
  const inLayer = parameter('layer');
  const view = parameter('view');
  const asList = view === '' ? narrow.value : view === 'list';
  const drawn = narrow.value ? 'map' : ''; // the view that is a drawing, as the URL has it
  const layer = inLayer === '' ? null : inLayer === noLayer ? '' : inLayer;
  const entries = shownEntries.peek();
  const roots = useMemo(() => known.wrong.filter((one) => one.kind !== 'close'), [known]);
  const [found, groups, reached] = useMemo(
    () => [scene(entries, focus, layer), entries.size > room ? groupByLayer(entries) : [], blast(roots.map((root) => root.service), dependants(entries))] as const,
    [known, focus, layer],
  );
  const shown = useSteady(found, `${focus}\n${inLayer}`);
  const layout = useLayout(shown.items);
  const [looked, setLooked] = useState<{ id: string; upOnly: boolean } | null>(null);
  const [wish, setWish] = useState<GraphProps['wish']>(null);
  const near = useMemo(() => (looked && layout.boxes.has(looked.id) ? around(shown.items, looked.id, looked.upOnly) : null), [looked, shown, layout]);
  const look = (id: string | null) => setLooked(id === null ? null : { id, upOnly: false });

  const large = entries.size > room;
  const showOnMap = (id: string) => {
    if (!shown.items.some((item) => item.id === id) || shown.kind === 'layers') setParameters({ focus: id, layer: '', view: drawn }, { replace: false });
    else if (asList) setParameters({ view: drawn });
    setWish((before) => ({ id, n: (before?.n ?? 0) + 1 }));
  };

  return (
    <div class="map-page">
      <header class="map-head">
        <h1>Map</h1>
        <Search entries={() => shownEntries.peek()} take={showOnMap} />
        <p class="map-what muted" role="status">{words(shown, entries, focus, layer)}</p>
        {(focus !== '' || layer !== null) && (
          <button type="button" class="button" onClick={() => setParameters({ focus: '', layer: '' }, { replace: false })}>{large ? 'All layers' : 'All services'}</button>
        )}
        <button type="button" class="button" onClick={() => setParameters({ view: asList ? drawn : narrow.value ? '' : 'list' })}>{asList ? 'As a drawing' : 'As a list'}</button>
      </header>
      <div class="map-body">
        {asList
          ? <div class="map-text">{shown.kind === 'layers' ? <LayerList groups={groups} href={layerURL} /> : <MapList scene={shown} entries={entries} roots={new Set(roots.map((root) => root.service))} />}</div>
          : shown.items.length > 0 && (
            <Graph
              layout={layout} near={near} look={look} wish={wish} first={firstOf(shown, roots)} bandName={(name) => (shown.kind === 'layers' ? '' : name || (layout.bands.length > 1 ? 'no layer' : ''))}
              label={shown.kind === 'layers' ? 'Layers, each above what it needs' : 'Services, each above what it needs'}
              {...(shown.kind === 'layers' ? layersAs(groups) : servicesAs(entries, roots, reached, focus))}
            />
          )}
        <aside class="map-side">
          {known.total > 0 && <RootsPanel roots={roots} entries={entries} showOnMap={showOnMap} look={(id) => setLooked(id === null ? null : { id, upOnly: true })} />}
          {!asList && <Legend layers={shown.kind === 'layers'} />}
        </aside>
      </div>
    </div>
  );
}

const layerURL = (layer: string) => `/map?layer=${encodeURIComponent(layer || noLayer)}`;

const firstOf = (shown: Scene, roots: readonly Wrong[]): string | null => {
  const ids = new Set(shown.items.map((item) => item.id));
  return roots.find((root) => ids.has(root.service))?.service ?? shown.items[0]?.id ?? null;
};

function words(shown: Scene, entries: ReadonlyMap<string, Entry>, focus: string, layer: string | null): string {
  if (entries.size === 0) return moment.value === null ? 'No service is known.' : 'No service was known then.';
  const left = shown.left > 0 ? `; ${shown.left} more have no room` : '';
  if (focus !== '' && entries.has(focus)) return `${shown.items.length} services around ${focus}${left}`;
  if (focus !== '') return `There is no service ${focus}.`;
  if (layer !== null) return `${shown.left > 0 ? `the ${shown.items.length} worst of ${shown.items.length + shown.left}` : shown.items.length} services of ${layer || 'no layer'}`;
  return shown.kind === 'layers' ? `${entries.size} services in ${shown.items.length} layers: find one, or open a layer` : `${entries.size} services`;
}

type Drawn = Pick<GraphProps, 'box' | 'line'>;

function servicesAs(entries: ReadonlyMap<string, Entry>, roots: readonly Wrong[], reached: ReadonlySet<string>, focus: string): Drawn {
  const root = new Map(roots.map((r) => [r.service, r]));
  const fails = (id: string) => {
    const entry = entries.get(id);
    return entry !== undefined && failing(entry);
  };
  return {
    line: ({ to }) => (fails(to) ? 'lit' : reached.has(to) ? (['healthy', 'unknown'].includes(entries.get(to)?.status ?? '') ? 'near-blast' : 'blast') : ''),
    box(id) {
      const entry = entries.get(id);
      if (!entry) return { href: serviceURL(id), className: '', content: id, more: '' };
      const of = root.get(id);
      return {
        href: serviceURL(id),
        more: told(entry, entries, root, reached.has(id)),
        className: [`is-${look(entry)}`, of ? 'root' : reached.has(id) ? 'reached' : '', id === focus ? 'focus' : ''].join(' '),
        content: <ServiceBox entry={entry} root={of} />,
      };
    },
  };
}

const look = (entry: Entry): Status | 'forced' =>
  entry.circuit_breaker.override && entry.status !== 'circuit_open' ? 'forced'
    : entry.status === 'unknown' && failing(entry) ? 'degraded' : entry.status; // in recovery, and nothing has ended yet

/** The status, and how the circuit stands where the status does not say it. */
function stateText(entry: Entry): string {
  const breaker = entry.circuit_breaker;
  if (breaker.mode !== 'auto') return circuitWords(breaker);
  if (breaker.state === 'half_open') return 'recovering';
  return statusWords[entry.status];
}

function ServiceBox({ entry, root }: { entry: Entry; root: Wrong | undefined }) {
  const next = entry.circuit_breaker.mode === 'auto' && entry.circuit_breaker.state === 'open' ? entry.circuit_breaker.next_attempt_at : null;
  return (
    <>
      <Shape status={look(entry)} />
      <span class="map-name" title={entry.service}>{entry.service}</span>
      <span class="map-state">
        {stateText(entry)}
        {next && <span class="muted"> · tries in <Countdown to={next} from={shownAt.value} /></span>}
      </span>
      {root && <span class="map-flag">root</span>}
    </>
  );
}

function layersAs(groups: Group[]): Drawn {
  const by = new Map(groups.map((group) => [group.layer, group]));
  return {
    line: ({ from, to }) => (by.get(from)?.broken.has(to) ? 'lit' : ''),
    box(id) {
      const group = by.get(id);
      if (!group) return { href: layerURL(id), className: '', content: id, more: '' };
      const text = group.failing > 0 ? `${group.failing} of ${group.services} fail` : `${group.services}, none fails`;
      return {
        href: layerURL(id),
        more: `Needs ${group.needs.map((name) => name || 'no layer').join(', ') || 'no other layer'}.`,
        className: `is-${group.failing > 0 ? group.worst : group.by.degraded > 0 ? 'degraded' : 'healthy'}`,
        content: (
          <>
            <Shape status={group.failing > 0 ? group.worst : group.by.degraded > 0 ? 'degraded' : 'healthy'} />
            <span class="map-name" title={id}>{id || 'no layer'}</span>
                  <span class="map-state">{text}</span>
          </>
        ),
      };
    },
  };
}
