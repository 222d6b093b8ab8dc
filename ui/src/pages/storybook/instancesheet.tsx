import { signal } from '@preact/signals';
import { useMemo } from 'preact/hooks';

import { board } from '../../live/live';
import type { Instance } from '../../wire';
import { Shown } from '../server';
import { Facts } from '../service/eventcard';
import { EventLine } from '../service/eventline';
import { InstancesShown, Runs } from '../service/instancetab';
import { eventKey } from '../service/story';
import { everyInstance, hostileInstances, madeClusters, madeEvents, manyInstances } from './madeinstances';
import '../service/service.css';
import '../service/charts.css';
import '../service/story.css';
import '../service/config.css';

const answered = (list: readonly Instance[] | null, error = '') => ({ list: signal(list), error: signal(error), at: signal(list ? board.now() : 0), changed: () => undefined });

/** The instances of a service in every state, and what the page says of them elsewhere. */
export function InstanceSheet() {
  const data = useMemo(() => answered(everyInstance()), []);
  const events = useMemo(madeEvents, []);
  return (
    <div class="page svc">
      <h1>Instances</h1>
      <section class="card"><InstancesShown data={data} version={5} /></section>
      <h2>On the page of the config</h2>
      <section class="card stack">
        <Runs list={data.list.value} error="" version={5} />
        <Runs list={data.list.value!.slice(0, 1)} error="" version={5} />
        <Runs list={[]} error="" version={5} />
        <Runs list={null} error="the manager did not answer in time" version={5} />
      </section>
      <h2>Events</h2>
      <section class="card stack">{events.map((e) => <div key={eventKey(e)}><EventLine event={e} /><Facts event={e} /></div>)}</section>
    </div>
  );
}

/** What there is to see where there is nothing, or little. */
export function FewInstances() {
  const sheets = useMemo(() => [
    answered([]), answered(null), answered(null, 'the manager did not answer in time'), answered(everyInstance().slice(0, 2), 'the manager cannot be reached'), answered(everyInstance().slice(7, 8)),
  ], []);
  return <div class="page svc"><h1>Few instances</h1>{sheets.map((data, i) => <section key={i} class="card"><InstancesShown data={data} version={5} /></section>)}</div>;
}

const sheetOf = (make: () => Instance[]) => function Sheet() {
  const data = useMemo(() => answered(make()), []);
  return <div class="page svc"><h1>Instances</h1><section class="card"><InstancesShown data={data} version={5} /></section></div>;
};

export const ThousandInstances = sheetOf(() => manyInstances(1_000));
export const HostileInstances = sheetOf(hostileInstances);

/** A node that leads, that follows, and that is alone. */
export function ClusterSheet() {
  return (
    <div class="page server">
      <h1>Nodes</h1>
      {madeClusters.map(({ name, info }) => {
        const look = { at: board.now(), info };
        return <div key={name} class="stack"><h2>{name}</h2><Shown look={look} looks={[look]} /></div>;
      })}
    </div>
  );
}
