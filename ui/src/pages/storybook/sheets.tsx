import { count, duration, rate, share, span } from '../../format';
import { board, entries, now } from '../../live/live';
import { CircuitBadge, Shape, StatusBadge } from '../../parts/badge';
import { Ago, Countdown, When } from '../../parts/moment';
import { Spark } from '../../parts/spark';
import { worstFirst } from '../../words';
import { densities, sizes } from '../board/layout';
import { Meter, Tile } from '../board/tile';
import { Card } from '../board/card';
import { sinceOf } from '../board/reason';
import { failingDependencies, whatIsWrong } from '../board/wrong';
import { inSeconds } from './made';

const random = (i: number) => Math.abs(Math.sin(i * 12.9898) * 43758.5453) % 1;
const bars = (n: number, of: (i: number) => [number, number, number]) =>
  Array.from({ length: n }, (_, i) => {
    const [successful, failed, rejected] = of(i);
    return { at: 4_000 * i, successful, failed, rejected };
  });

/** The small parts, each in every state. */
export function Parts() {
  return (
    <div class="page stack">
      <h1>Parts</h1>
      <h2>Statuses</h2>
      <p class="row">{worstFirst.map((status) => <StatusBadge key={status} status={status} />)} <span><Shape status="forced" /> forced</span></p>
      <h2>Circuits</h2>
      <p class="row">
        {(['closed', 'open', 'half_open'] as const).map((state) => <CircuitBadge key={state} breaker={{ state, mode: 'auto' }} />)}
        {(['forced_open', 'forced_closed', 'disabled'] as const).map((mode) => <CircuitBadge key={mode} breaker={{ state: 'closed', mode }} />)}
      </p>
      <h2>Failures against what opens</h2>
      <div class="row">{[[0, 5], [1, 5], [3, 5], [5, 5], [9, 5], [999_999, 1_000_000], [3, 0]].map(([a, b]) => <Meter key={`${a} ${b}`} failures={a!} threshold={b!} />)}</div>
      <h2>Sparks</h2>
      <div class="sheet">
        <Spark label="nothing" bars={bars(75, () => [0, 0, 0])} />
        <Spark label="one operation" bars={bars(75, (i) => [i === 40 ? 1 : 0, 0, 0])} />
        <Spark label="well" bars={bars(75, (i) => [40 + 30 * random(i), 0, 0])} />
        <Spark label="some failures" bars={bars(75, (i) => [40 + 30 * random(i), 6 * random(i + 99), 0])} />
        <Spark label="opened" bars={bars(75, (i) => (i < 40 ? [40 + 30 * random(i), 0, 0] : i < 44 ? [10, 30, 0] : [0, 0, 45 + 20 * random(i)]))} />
        <Spark label="huge" bars={bars(75, (i) => [1e12 * random(i), 1, 0])} />
      </div>
      <h2>Moments</h2>
      <p class="row"><When at={null} /> <When at={Date.now()} /> <When at={Date.now() - 4e8} /> <Ago at={inSeconds(-70)} /> <Ago at={inSeconds(4_000)} /> <Countdown to={inSeconds(75)} /> <Countdown to={inSeconds(-5)} /></p>
      <h2>Numbers</h2>
      <p class="row">{[0, 0.01, 0.4, 7.25, 99.6, 999.6, 1_234, 56_789, 9.99e6, 4.2e9].map((n) => <span key={n}>{count(n)} · {rate(n)} · {duration(n)} · {span(n * 1_000)}</span>)}</p>
      <p class="row">{[0, 0.0004, 0.0123, 0.0997, 0.5, 0.9995, 1].map((n) => <span key={n}>{share(n)}</span>)}</p>
      <h2>Buttons and fields</h2>
      <p class="row">
        <button type="button" class="button">Usual</button><button type="button" class="button primary">Primary</button><button type="button" class="button danger">Danger</button>
        <button type="button" class="button danger primary">Danger</button><button type="button" class="button quiet">Quiet</button><button type="button" class="button" disabled>Not now</button>
        <input placeholder="text" aria-label="text" /> <select aria-label="choice"><option>choice</option></select>
      </p>
    </div>
  );
}

/** Every made-up service as a tile of each density, and as a card. */
export function Tilesheet() {
  const all = entries.value;
  return (
    <div class="page stack">
      <h1>Tiles and cards</h1>
      {densities.map((density) => (
        <section key={density} class="stack">
          <h2>{density}</h2>
          <div class={`sheet sheet-${density}`}>
            {[...all.values()].map((entry) => (
              <div key={entry.service} class="sheet-cell" style={{ height: `${sizes[density].height}px` }}>
                <Tile
                  service={entry.service} entry={entry} ring={board.ring(entry.service)} needs={failingDependencies(entry, all).join(' ')} since={entry.status === 'healthy' ? 0 : (sinceOf(entry, 0)?.at ?? 0)} now={now.value}
                  density={density} x={0} y={0} width={density === 'list' ? 1_380 : density === 'compact' ? 220 : 300} height={sizes[density].height} active focused={() => undefined}
                />
              </div>
            ))}
          </div>
        </section>
      ))}
      <h2>Cards</h2>
      <div class="sheet">{whatIsWrong(all).map((wrong) => <Card key={wrong.service} wrong={wrong} entry={all.get(wrong.service)!} needs={failingDependencies(all.get(wrong.service)!, all).join(' ')} turned={0} at={now.value} />)}</div>
    </div>
  );
}
