import { useEffect } from 'preact/hooks';

import { board, entries, past } from '../../live/live';
import { summary } from '../../live/summary';
import { moment } from '../../route';
import { follow, groups } from './arrangement';
import { Empty } from './empty';
import { Strip } from './strip';
import { Tiles } from './tiles';
import { Toolbar } from './toolbar';
import { density, filtered, look, wall } from './view';
import { Wall } from './wall';
import './board.css';

export function BoardPage() {
  return wall.value ? <Wall /> : <Live />;
}

function Live() {
  useEffect(follow, []);
  const travelling = moment.value !== null;
  if (travelling ? past.value === null : !board.known.value && board.loaded.value === 0) {
    return <p class="page muted" role="status">{travelling ? 'Looking up how it was …' : 'Waiting for the manager …'}</p>;
  }
  if (past.value?.error) return <p class="page" role="alert">The board of that moment is not to be had: {past.value.error}.</p>;
  // `summary` follows a moment later; what is there now decides.
  const none = summary.value.total === 0 && entries.peek().size === 0 && (travelling || board.known.value);
  if (none) return <div class="page">{travelling ? <p>There was no service then.</p> : <Empty />}</div>;
  return (
    <div class="page board">
      <Strip />
      <Toolbar />
      {groups.value.length === 0 && filtered.value
        ? <p class="board-none">No service is like that. <button type="button" class="button" onClick={() => look.nothingFiltered()}>Show all</button></p>
        : <>{density.value === 'list' && <Columns />}<Tiles /></>}
    </div>
  );
}

function Columns() {
  return (
    <div class="tiles-columns" aria-hidden="true">
      <span class="c-state">state</span><span>service</span><span class="c-layer">layer</span><span>5 minutes</span><span class="number">rate</span>
      <span class="number">errors</span><span class="number c-p95">p95</span><span class="c-failures">failures</span><span class="number c-next">next try</span><span class="c-note" />
    </div>
  );
}
