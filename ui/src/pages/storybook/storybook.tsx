import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { alerts, board, loginEnded, session } from '../../live/live';
import { Notices, tell } from '../../parts/notice';
import { parameter } from '../../route';
import { Shell } from '../../shell';
import type { Alert, Entry, Role } from '../../wire';
import { AlertSheet, QuietSheet } from './alertsheet';
import { BoardPage } from '../board/board';
import { LoginPage } from '../login';
import { ClusterSheet, FewInstances, HostileInstances, InstanceSheet, ThousandInstances } from './instancesheet';
import { ofAgents } from './madeinstances';
import { hostileAlerts, madeAlerts, manyAlerts } from './madealerts';
import { before, everyState, fleet, flipped, hostile, later, made, told, updated } from './made';
import { Parts, Tilesheet } from './sheets';
import './storybook.css';

/** A state of the whole page, made up. */
interface Story {
  name: string;
  entries?: () => Entry[];
  /** Changes an entry each so many milliseconds. */
  every?: number;
  change?: (entry: Entry) => Entry;
  role?: Role;
  alerts?: () => Alert[];
  /** After all has been told: the connection is lost, for example. */
  then?: () => void;
  page?: ComponentType;
}

const well = (n: number) => fleet(n).map((entry) => made(entry.service, { layer: entry.layer, dependencies: entry.dependencies }));

const stories: Record<string, Story> = {
  parts: { name: 'Badges, meters, sparks', page: Parts },
  tiles: { name: 'Every tile, every density', entries: () => everyState, every: 100, page: Tilesheet },
  'tiles-hostile': { name: 'Tiles with hostile texts', entries: () => hostile, page: Tilesheet },
  board: { name: 'Board: every state', entries: () => everyState, every: 50 },
  'board-hostile': { name: 'Board: hostile texts', entries: () => hostile },
  'board-0': { name: 'Board: no service', entries: () => [] },
  'board-0-viewer': { name: 'Board: no service, for a viewer', entries: () => [], role: 'viewer' },
  'board-1': { name: 'Board: one service', entries: () => [made('the_only_one')], every: 300 },
  'board-well': { name: 'Board: all well', entries: () => well(60), every: 30 },
  'board-10000': { name: 'Board: 10 000, a change every 10 ms', entries: () => fleet(10_000), every: 10 },
  'board-storm': { name: 'Board: 10 000, one opens or closes every 10 ms', entries: () => fleet(10_000), every: 10, change: flipped },
  'board-5': { name: 'Board: five failing', entries: () => [...everyState.filter((e) => ['payments_db', 'quotes', 'invoices', 'mail_gateway', 'risk_scores', 'geo_lookup', 'payments_api'].includes(e.service)), ...well(40)] },
  'board-close': { name: 'Board: close to failing', entries: () => [...everyState.filter((e) => ['images', 'stamps', 'meters'].includes(e.service)), ...well(40)] },
  banner: { name: 'Banner: incidents, of one something is new', entries: () => everyState, alerts: () => madeAlerts().filter((alert) => alert.acknowledged_by === null || alert.incident === 'e') },
  'banner-more': { name: 'Banner: many incidents', entries: () => everyState, alerts: () => manyAlerts(60) },
  'banner-hostile': { name: 'Banner: hostile texts', entries: () => hostile, alerts: hostileAlerts },
  'banner-viewer': { name: 'Banner: for a viewer', entries: () => everyState, alerts: madeAlerts, role: 'viewer' },
  alerts: { name: 'Alerts: incidents, silences, receivers', entries: () => everyState, alerts: madeAlerts, page: AlertSheet },
  'alerts-none': { name: 'Alerts: nothing fires', entries: () => everyState, alerts: () => [], page: QuietSheet },
  'alerts-many': { name: 'Alerts: a thousand', entries: () => everyState, alerts: () => manyAlerts(1_000), page: AlertSheet },
  'alerts-hostile': { name: 'Alerts: hostile texts', entries: () => hostile, alerts: hostileAlerts, page: AlertSheet },
  'alerts-viewer': { name: 'Alerts: for a viewer', entries: () => everyState, alerts: madeAlerts, role: 'viewer', page: AlertSheet },
  'board-agents': { name: 'Board: services of many instances', entries: () => ofAgents },
  'tiles-agents': { name: 'Tiles of services of many instances', entries: () => ofAgents, page: Tilesheet },
  instances: { name: 'Instances in every state', entries: () => ofAgents, page: InstanceSheet },
  'instances-few': { name: 'Instances: none, one, and what goes wrong', entries: () => ofAgents, page: FewInstances },
  'instances-1000': { name: 'Instances: a thousand', entries: () => ofAgents, page: ThousandInstances },
  'instances-hostile': { name: 'Instances: hostile texts', entries: () => hostile, page: HostileInstances },
  cluster: { name: 'Server: nodes that lead and follow', entries: () => everyState, page: ClusterSheet },
  lost: { name: 'Board: connection lost', entries: () => everyState, then: () => board.lost(false) },
  ended: { name: 'Board: log-in ended', entries: () => everyState, then: () => board.lost(true) },
  waiting: { name: 'Board: before the first answer' },
  login: { name: 'Log-in', page: LoginPage },
  'login-ended': { name: 'Log-in after it ended', page: LoginPage, then: () => (loginEnded.value = true) },
  notices: {
    name: 'Notices', entries: () => well(3),
    then: () => {
      tell('good', 'prices: the health check passed in 3.2 ms.');
      tell('good', 'closed: 0 of 5 failures within 1m0s');
      tell('bad', `orders: the reset was refused: ${hostile[0]!.circuit_breaker.last_error}`);
    },
  },
};

const running = signal('');

/** The page of made-up states, in development only: /storybook?story=NAME, with the board's own parameters beside it. */
export function Storybook() {
  const name = parameter('story');
  const story = stories[name];
  const [ready, setReady] = useState('');
  useEffect(() => {
    if (!story) return undefined;
    running.value = name;
    const list = story.entries?.();
    session.value = { name: 'ana', role: story.role ?? 'admin', services: null, expires_at: null };
    loginEnded.value = false;
    for (const message of list ? told(list) : []) board.take(message);
    for (const entry of list ?? []) board.ring(entry.service).prepend(before(entry), 4_000);
    alerts.clear();
    if (story.alerts) alerts.present.value = true;
    for (const alert of story.alerts?.() ?? []) alerts.put(alert);
    const stop = list && story.every ? keepChanging(list.map((e) => e.service), story.every, story.change ?? later) : () => undefined;
    story.then?.();
    setReady(name);
    return stop;
  }, [name]);
  if (!story) return <Index />;
  if (ready !== name) return null;
  if (story.page === LoginPage) return <LoginPage />;
  const Page = story.page ?? BoardPage;
  return (
    <>
      <Shell><Page /></Shell>
      <Notices />
    </>
  );
}

function keepChanging(names: string[], every: number, change: (entry: Entry) => Entry): () => void {
  let at = Date.now();
  const timer = setInterval(() => {
    for (; at < Date.now(); at += every) {
      const entry = board.entries.get(names[Math.floor(Math.random() * names.length)] ?? '');
      if (entry) board.take(updated(change(entry)));
    }
  }, every);
  return () => clearInterval(timer);
}

function Index() {
  return (
    <main class="page stack">
      <h1>Made-up states</h1>
      <ul class="stories">
        {Object.entries(stories).map(([key, story]) => (
          <li key={key}>
            <a href={`/storybook?story=${key}`} target="_top">{story.name}</a>
            {!story.page && <> <a class="muted" href={`/storybook?story=${key}&wall=1`} target="_top">on the wall</a> <a class="muted" href={`/storybook?story=${key}&density=compact`} target="_top">compact</a> <a class="muted" href={`/storybook?story=${key}&density=list&group=layer`} target="_top">list by layer</a></>}
          </li>
        ))}
      </ul>
    </main>
  );
}
