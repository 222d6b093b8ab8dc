import type { JSX } from 'preact';

import { count, duration, rate, share, shortSpan } from '../../format';
import type { Ring } from '../../live/ring';
import { Shape } from '../../parts/badge';
import { memo } from '../../parts/memo';
import { Countdown } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import { Spark } from '../../parts/spark';
import { serviceURL } from '../../route';
import type { Entry } from '../../wire';
import { modeWords, statusWords } from '../../words';
import { figures, recent, type Figures } from './figures';
import type { Density } from './layout';
import { notesOf, type Note } from './note';
import { openedBy } from './reason';
import { flat, Sentence } from './words';
import './tile.css';

export interface TileProps {
  service: string;
  entry: Entry | undefined;
  ring: Ring;
  /** Another number when the ring may have got what was before. */
  seed?: number;
  /** The names of the dependencies that fail, as one string, so that it is cheap to compare. */
  needs: string;
  /** Since when it is as it is, in milliseconds; 0: that is not known, or nothing is wrong. */
  since: number;
  /** Until when it has counts. */
  now: number;
  density: Density;
  x: number;
  y: number;
  width: number;
  height: number;
  /** Only the name and the state. */
  rough?: boolean;
  active: boolean;
  focused: (service: string) => void;
}

/** One service on the board; drawn anew only when something of it has changed, and each second. */
export const Tile = memo(function Tile({ service, entry, ring, needs, since, now, density, x, y, width, height, rough = false, active, focused }: TileProps) {
  const place = { transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px` };
  if (!entry) return <div class={`tile is-${density} gone`} style={place}>{service} <span class="muted">removed</span></div>;
  if (rough) {
    return (
      <a class={`tile is-rough is-${density} on-${entry.status}`} style={place} href={serviceURL(service)} data-service={service} tabIndex={-1}>
        <span class="tile-name">{service}</span>
        <span class={`is-${entry.status}`}>{words(entry)}</span>
      </a>
    );
  }
  const f = figures(entry, ring, now);
  const notes = notesOf(entry, needs === '' ? [] : needs.split(' '));
  const Inside = insides[density];
  return (
    <a
      class={`tile is-${density} on-${entry.status}`}
      style={place}
      href={serviceURL(service)}
      data-service={service}
      tabIndex={active ? 0 : -1}
      onFocus={() => focused(service)}
    >
      {Inside({ entry, ring, now, since, figures: f, notes })}
    </a>
  );
});

interface InsideProps {
  entry: Entry;
  ring: Ring;
  now: number;
  since: number;
  figures: Figures;
  notes: Note[];
}

// Called and not drawn as components: there are many, and nothing in them has a state.
const insides: Record<Density, (props: InsideProps) => JSX.Element> = { comfortable: Comfortable, compact: Compact, list: Listed };

function Comfortable({ entry, ring, now, since, figures: f, notes }: InsideProps) {
  return (
    <>
      <span class="tile-head">
        <span class="tile-name" title={entry.service}>{entry.service}</span>
        <span class="tile-layer" title={entry.layer}><Outside text={entry.layer} /></span>
      </span>
      <span class="tile-state">
        <StateLine entry={entry} since={since} now={now} />
        <Next entry={entry} words />
      </span>
      <Spark bars={recent(ring, now)} label="" />
      <span class="tile-figures">
        <Figure label="rate" value={rate(f.rate)} />
        <Figure label="errors" value={f.errors === null ? '–' : share(f.errors)} bad={(f.errors ?? 0) >= 0.05} />
        <Figure label="p95" value={f.p95 === null ? '–' : duration(f.p95)} />
        {down(entry)
          ? <Figure label="opened" value={openedBy(entry)} />
          : <span class="figure" data-label="failures"><Meter failures={f.failures} threshold={f.threshold} /></span>}
      </span>
      <Notes notes={notes} />
    </>
  );
}

function Compact({ entry, ring, now, figures: f }: InsideProps) {
  return (
    <>
      <span class="tile-head">
        <Shape status={entry.status} />
        <span class="tile-name" title={entry.service}>{entry.service}</span>
        <Next entry={entry} />
      </span>
      <span class="tile-row">
        <span class={`is-${entry.status} tile-word`}>{words(entry)}</span>
        <Spark bars={recent(ring, now, 10_000)} label="" />
        <span class={`tile-number${(f.errors ?? 0) >= 0.05 ? ' bad' : ''}`}>{f.errors ? `${share(f.errors)} err` : rate(f.rate)}</span>
      </span>
    </>
  );
}

function Listed({ entry, ring, now, since, figures: f, notes }: InsideProps) {
  return (
    <>
      <span class="tile-state"><StateLine entry={entry} since={since} now={now} /></span>
      <span class="tile-name" title={entry.service}>{entry.service}</span>
      <span class="tile-layer c-layer"><Outside text={entry.layer} /></span>
      <Spark bars={recent(ring, now)} label="" />
      <span class="tile-number">{rate(f.rate)}</span>
      <span class={`tile-number${(f.errors ?? 0) >= 0.05 ? ' bad' : ''}`}>{f.errors === null ? '–' : share(f.errors)}</span>
      <span class="tile-number c-p95">{f.p95 === null ? '–' : duration(f.p95)}</span>
      <span class="c-failures">{down(entry) ? <span class="meter-text">{openedBy(entry)}</span> : <Meter failures={f.failures} threshold={f.threshold} />}</span>
      <span class="tile-number c-next"><Next entry={entry} /></span>
      <Notes notes={notes} />
    </>
  );
}

/** Whether what opened it says more than the failures since, which are few as nothing is let in. */
const down = (entry: Entry): boolean => entry.circuit_breaker.state !== 'closed' || entry.circuit_breaker.mode === 'forced_open';

const words = (entry: Entry): string => {
  const { mode, state } = entry.circuit_breaker;
  if (mode !== 'auto') return mode === 'forced_open' ? modeWords[mode] : `${statusWords[entry.status]}, ${modeWords[mode]}`;
  return state === 'half_open' ? `${statusWords[entry.status]}, half-open` : statusWords[entry.status];
};

export function StateLine({ entry, since, now }: { entry: Entry; since: number; now: number }) {
  return (
    <span class={`badge is-${entry.status}`}>
      <Shape status={entry.status} />
      <span class="tile-word">{words(entry)}</span>
      {entry.circuit_breaker.mode !== 'auto' && <Shape status="forced" />}
      {since > 0 && <span class="tile-since">{shortSpan(now - since)}</span>}
    </span>
  );
}

function Next({ entry, words: long = false }: { entry: Entry; words?: boolean }) {
  const { state, mode, next_attempt_at: next } = entry.circuit_breaker;
  if (state !== 'open' || mode !== 'auto' || !next) return null;
  return <span class="tile-next">{long && 'next try '}<Countdown to={next} /></span>;
}

function Figure({ label, value, bad = false }: { label: string; value: string; bad?: boolean }) {
  return (
    <span class="figure" data-label={label}>
      <span class={`figure-value${bad ? ' bad' : ''}`}>{value}</span>
    </span>
  );
}

/** Failures in the window against what opens the circuit. */
export function Meter({ failures, threshold }: { failures: number; threshold: number }) {
  const full = threshold > 0 ? Math.min(1, failures / threshold) : 0;
  return (
    <span class={`meter${full >= 1 ? ' full' : full >= 0.5 ? ' half' : ''}`}>
      <span class="meter-text">{threshold > 0 ? `${short(failures)} of ${short(threshold)}` : short(failures)}</span>
      <span class="meter-bar"><span style={{ width: `${100 * full}%` }} /></span>
    </span>
  );
}

const short = (n: number): string => (n < 10_000 ? String(n) : count(n));

function Notes({ notes }: { notes: Note[] }) {
  return (
    <span class={`notes is-${notes.length}`}>
      {notes.map((note) => (
        <span key={note.kind} class={`note is-${note.kind}`} title={flat(note.words)}>
          <Sentence words={note.words} />
          {note.until && <> <Countdown to={note.until} /></>}
        </span>
      ))}
    </span>
  );
}
