import { useEffect, useRef, useState } from 'preact/hooks';

import { count } from '../../format';
import { useKeys } from '../../keys';
import { summary } from '../../live/summary';
import { Shape } from '../../parts/badge';
import { Menu } from '../../parts/menu';
import { Outside } from '../../parts/outside';
import { statusWords, worstFirst } from '../../words';
import { groups, overdue, resort } from './arrangement';
import { densities, type Density } from './layout';
import { sorts, type Grouping, type Sort } from './order';
import { density, filtered, groupings, look, toggled, wanted } from './view';
import './toolbar.css';

const sortWords: Record<Sort, string> = {
  worst: 'worst first', name: 'name', rate: 'rate', errors: 'error share', p95: 'p95', changed: 'recently changed',
};
const groupWords: Record<Grouping, string> = { '': 'not grouped', layer: 'by layer', status: 'by status' };

/** What is shown, in what order and how densely. */
export function Toolbar() {
  const [more, setMore] = useState(false);
  return (
    <div class="toolbar" role="search" aria-label="What is shown">
      <Search />
      <Statuses />
      <Shown />
      <button type="button" class="button quiet toolbar-toggle" aria-expanded={more} onClick={() => setMore(!more)}>View</button>
      <div class={`toolbar-more${more ? ' open' : ''}`}>
        <Layers />
        <label>
          <span class="hidden-visually">Order</span>
          <select value={wanted.value.sort} onChange={(event) => look.sort(event.currentTarget.value as Sort)}>
            {sorts.map((sort) => <option key={sort} value={sort}>{sortWords[sort]}</option>)}
          </select>
        </label>
        <label>
          <span class="hidden-visually">Groups</span>
          <select value={wanted.value.group} onChange={(event) => look.group(event.currentTarget.value as Grouping)}>
            {groupings.map((group) => <option key={group} value={group}>{groupWords[group]}</option>)}
          </select>
        </label>
        <Densities />
        <button type="button" class="button quiet" title="For a screen on the wall" onClick={() => look.wall(true)}>Wall</button>
      </div>
      <Overdue />
    </div>
  );
}

function Search() {
  const input = useRef<HTMLInputElement>(null);
  const text = wanted.value.search;
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return undefined;
    const timer = setTimeout(() => look.search(typed), 120);
    return () => clearTimeout(timer);
  }, [typed]);
  useKeys([
    {
      key: '/', does: 'search',
      run: (event) => {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      },
    },
    { key: 'Escape', does: 'leave the search', run: () => document.activeElement instanceof HTMLElement && document.activeElement.blur() },
  ]);
  const leave = (event: KeyboardEvent) => {
    if (event.key === 'Enter' || event.key === 'ArrowDown') {
      event.preventDefault();
      look.search(typed);
      requestAnimationFrame(() => document.querySelector<HTMLElement>('.tile[tabindex="0"]')?.focus());
    }
  };
  return (
    <div class="search">
      <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="7" cy="7" r="4.5" /><path d="m10.5 10.5 3.5 3.5" /></svg>
      <input
        ref={input} type="search" placeholder="Search services" aria-label="Search services" autocomplete="off" spellcheck={false} maxLength={200}
        value={typed} onInput={(event) => setTyped(event.currentTarget.value)} onKeyDown={leave}
      />
      <kbd>/</kbd>
    </div>
  );
}

function Statuses() {
  const { counts } = summary.value;
  const chosen = wanted.value.statuses;
  return (
    <div class="statuses" role="group" aria-label="Only with this status">
      {worstFirst.map((status) => (
        <button
          key={status} type="button" class={`chip${counts[status] === 0 ? ' none' : ''}`} aria-pressed={chosen.includes(status)}
          onClick={() => look.statuses(toggled(chosen, status))}
        >
          <Shape status={status} />
          <span class="chip-word">{statusWords[status]}</span>
          <span class="chip-count">{count(counts[status])}</span>
        </button>
      ))}
    </div>
  );
}

function Layers() {
  const chosen = wanted.value.layers;
  const layers = [...new Set([...summary.value.layers, ...chosen])].sort();
  if (layers.length < 2 && chosen.length === 0) return null;
  return (
    <Menu label={chosen.length === 0 ? 'All layers' : chosen.length === 1 ? (chosen[0] ? <Outside text={chosen[0]} /> : 'without a layer') : `${chosen.length} layers`}>
      <div class="stack layers">
        {layers.map((layer) => (
          <label key={layer} class="check">
            <input type="checkbox" checked={chosen.includes(layer)} onChange={() => look.layers(toggled(chosen, layer))} />
            {layer ? <Outside text={layer} /> : 'without a layer'}
          </label>
        ))}
        {chosen.length > 0 && <button type="button" class="button quiet" data-close onClick={() => look.layers([])}>All layers</button>}
      </div>
    </Menu>
  );
}

const icons: Record<Density, string> = {
  comfortable: 'M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z',
  compact: 'M2 2h3v3H2zM6.5 2h3v3h-3zM11 2h3v3h-3zM2 6.5h3v3H2zM6.5 6.5h3v3h-3zM11 6.5h3v3h-3zM2 11h3v3H2zM6.5 11h3v3h-3zM11 11h3v3h-3z',
  list: 'M2 3h12v1.6H2zM2 7.2h12v1.6H2zM2 11.4h12V13H2z',
};

function Densities() {
  return (
    <div class="segments" role="group" aria-label="Density">
      {densities.map((one) => (
        <button key={one} type="button" title={one} aria-label={one} aria-pressed={density.value === one} onClick={() => look.density(one)}>
          <svg viewBox="0 0 16 16" aria-hidden="true"><path d={icons[one]} /></svg>
        </button>
      ))}
    </div>
  );
}

/** How much of the fleet is shown, where it is not all. */
function Shown() {
  if (!filtered.value) return null;
  const shown = groups.value.reduce((n, group) => n + group.names.length, 0);
  return (
    <div class="toolbar-told">
      <span class="muted">{shown} of {summary.value.total}</span>
      <button type="button" class="button quiet" onClick={() => look.nothingFiltered()}>Show all</button>
    </div>
  );
}

/** That the order waits, where it does; it floats, so that it moves nothing. */
function Overdue() {
  return (
    <div class="overdue" role="status">
      {overdue.value !== 0 && (
        <button type="button" class="button" onClick={() => resort()}>
          {overdue.value > 0 ? `${overdue.value} changed: sort again` : 'Sort again'}
        </button>
      )}
    </div>
  );
}
