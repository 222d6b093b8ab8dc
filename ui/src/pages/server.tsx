import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api } from '../api';
import { count, rate, span } from '../format';
import { alerts, board, now } from '../live/live';
import { Shape } from '../parts/badge';
import { Ago, When } from '../parts/moment';
import { Outside } from '../parts/outside';
import { Spark } from '../parts/spark';
import type { Cluster, ServerInfo } from '../wire';
import type { Bar } from '../live/ring';
import { BrokenReceivers } from './alerts/receivers';
import { seesAll } from './lists/told';
import { bytes, rates, troubles, type Look } from './server/figures';
import './server/server.css';

const kept = 60; // looks: five minutes

/** How the manager itself is. It is asked with each heartbeat of the stream, while the page is seen. */
export function ServerPage() {
  const looks = useSignal<Look[]>([]);
  const error = useSignal('');
  const asking = useRef(false);
  const look = async () => {
    if (asking.current) return;
    asking.current = true;
    try {
      const info = await api.server();
      looks.value = [...looks.peek(), { at: board.now(), info }].slice(-kept);
      error.value = '';
    } catch (err) {
      error.value = err instanceof Error ? err.message : String(err);
    } finally {
      asking.current = false;
    }
  };
  const heard = board.heardAt.value;
  const last = looks.value.at(-1);
  const due = document.visibilityState === 'visible' && (last === undefined || heard - last.at >= 4_500);
  useEffect(() => {
    if (due) void look();
  }, [due, heard]);

  return (
    <div class="page server">
      <header class="server-head">
        <h1>Server</h1>
        {last && <p class="muted">as of <When at={last.at} />, <Ago at={last.at} /></p>}
        <button type="button" class="button" onClick={() => void look()}>Ask now</button>
      </header>
      {error.value !== '' && <p class="server-trouble grave" role="alert"><b>The manager did not say how it is: {error.value}</b> {last && <span>What you see is {span(now.value - last.at)} old.</span>}</p>}
      {alerts.present.value === true && seesAll() && <BrokenReceivers />}
      {last ? <Shown look={last} looks={looks.value} /> : error.value === '' && <p class="muted">Asking …</p>}
    </div>
  );
}

export function Shown({ look, looks }: { look: Look; looks: Look[] }) {
  const { info } = look;
  const found = troubles(info);
  const latest = rates(looks.at(-2), look);
  const slow = board.connection.value !== 'live';
  return (
    <>
      <section class={`server-state card ${info.ready ? 'well' : 'grave'}`} aria-label="Readiness">
        <h2 class={info.ready ? 'is-healthy' : 'is-circuit_open'}><Shape status={info.ready ? 'healthy' : 'circuit_open'} /> {info.ready ? 'Ready' : 'Not ready'}</h2>
        <p>{!info.ready ? info.cluster?.role === 'follows' ? 'It cannot tell what happens at present.' : 'It cannot remember what it is told at present.' : info.cluster?.role === 'follows' ? 'It passes on what it is told, and says what happens to all who watch.' : 'It remembers what it is told, and says it to all who watch.'}</p>
        <Role cluster={info.cluster} />
        {slow && <p class="muted">This page has no live stream now: it is asked only when you ask.</p>}
      </section>
      {found.map((trouble) => (
        <section key={trouble.todo} class={`server-trouble ${trouble.grave ? 'grave' : ''}`}>
          <b>{trouble.what}</b> {trouble.asOf && <><b>What you see is as of <When at={trouble.asOf} />, <Ago at={trouble.asOf} />.</b> </>}{trouble.todo}
        </section>
      ))}
      <div class="server-cards">
        <Card title="Store">
          <Fact name="answers" value={info.store.answers ? 'yes' : 'no'} bad={!info.store.answers} />
          <Fact name="changes that wait for it" value={count(info.store.waiting)} bad={info.store.waiting > 1_000} />
          <Fact name="writes that failed" value={count(info.store.failed_writes)} bad={info.store.failed_writes > 0} />
          <Fact name="events never stored" value={count(info.store.dropped_events)} bad={info.store.dropped_events > 0} />
        </Card>
        {clustered(info) && (
          <Card title="Cluster">
            <Fact name="this node" value={<Outside text={info.cluster.node} />} />
            <Fact name="its role" value={info.cluster.role} more={info.cluster.since && <>since <When at={info.cluster.since} /></>} />
            {info.cluster.role === 'follows' && <Fact name="the leader" value={info.cluster.leader === null ? 'none now' : <Outside text={info.cluster.leader} />} bad={info.cluster.leader === null} />}
            {info.cluster.role === 'follows' && <Fact name="it knows all up to" value={<When at={info.cluster.as_of} />} />}
          </Card>
        )}
        <Card title="Live stream" figure={<Sent bars={bars(looks)} />}>
          <Fact name="clients" value={count(info.stream.clients)} />
          <Fact name="messages to them" value={latest ? rate(latest.messages) : '–'} more={count(info.stream.messages)} />
          <Fact name="bytes to them" value={latest ? `${bytes(latest.bytes)}/s` : '–'} more={bytes(info.stream.bytes)} />
          <Fact name="changes told" value={latest ? rate(latest.updates) : '–'} more={count(info.stream.updates)} />
          <Fact name="clients too slow" value={count(info.stream.slow)} bad={info.stream.slow > 0} />
          <Fact name="handshakes refused" value={count(info.stream.refused)} />
        </Card>
        <Card title="Series">
          <Fact name="points written" value={count(info.series.points)} />
          <Fact name="pieces in the store" value={count(info.series.chunks)} />
          <Fact name="size" value={bytes(info.series.bytes)} />
          <Fact name="pieces lost" value={count(info.series.dropped)} bad={info.series.dropped > 0} />
        </Card>
        <Card title="Process and version">
          <Fact name="runs for" value={span(now.value - Date.parse(info.started_at))} more={<When at={info.started_at} />} />
          <Fact name="services" value={count(info.services)} />
          <Fact name="memory" value={bytes(info.memory_bytes)} />
          <Fact name="goroutines" value={count(info.goroutines)} />
          <Fact name="version" value={info.version} />
          <Fact name="commit" value={<span class="mono">{info.commit.slice(0, 12) || '–'}</span>} />
          <Fact name="Go" value={info.go} />
          <Fact name="epoch" value={<span class="mono server-epoch">{info.epoch}</span>} />
        </Card>
      </div>
    </>
  );
}

/** Whether this node is one of several. */
const clustered = (info: ServerInfo): info is ServerInfo & { cluster: Cluster } => !!info.cluster && info.cluster.role !== 'alone';

/** What this node is among several, in a sentence; a node alone says nothing. */
function Role({ cluster }: { cluster: Cluster | null | undefined }) {
  if (!cluster || cluster.role === 'alone') return null;
  return (
    <p>
      {cluster.role === 'leads' ? 'This node leads: the others follow it.'
        : cluster.leader === null ? <b>This node follows, and no node leads now: what changes something is refused until one does.</b>
        : <>This node follows, <b><Outside text={cluster.leader} /></b> leads.</>}
      {cluster.nodes_note && <> <Outside text={cluster.nodes_note} /></>}
    </p>
  );
}

/** The messages of the last minutes, once there are some. */
function Sent({ bars: list }: { bars: Bar[] }) {
  if (list.every((bar) => bar.successful === 0)) return null;
  return (
    <figure class="server-sent">
      <figcaption class="muted">messages, the last five minutes</figcaption>
      <Spark bars={list} label="" />
    </figure>
  );
}

function bars(looks: Look[]): Bar[] {
  return Array.from({ length: kept - 1 }, (_, i) => {
    const at = looks.length - kept + 1 + i;
    const r = at > 0 ? rates(looks[at - 1], looks[at]!) : null;
    return { at: i, successful: r?.messages ?? 0, failed: 0, rejected: 0 };
  });
}

function Card({ title, figure, children }: { title: string; figure?: preact.ComponentChild; children: preact.ComponentChildren }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      <dl class="server-facts">{children}</dl>
      {figure}
    </section>
  );
}

function Fact({ name, value, more, bad = false }: { name: string; value: preact.ComponentChild; more?: preact.ComponentChild; bad?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={bad ? 'server-bad' : ''}>{bad && <Shape status="unhealthy" />} {value}{more !== undefined && <small class="muted">{more}</small>}</dd>
    </div>
  );
}
