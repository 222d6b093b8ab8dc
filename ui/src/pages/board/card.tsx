import { Shape } from '../../parts/badge';
import { memo } from '../../parts/memo';
import { Countdown, When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import { serviceURL } from '../../route';
import type { Entry } from '../../wire';
import { adviceOf } from './note';
import { errorsOf, lacksError, needsText, reasonOf, sinceOf, sinceText } from './reason';
import { Sentence } from './words';
import type { Wrong } from './wrong';
import './card.css';

/** A root of failure: since when, why, with which errors, what it drags down, and what happens next. */
export const Card = memo(function Card({ wrong, entry, needs, turned, at }: {
  wrong: Wrong;
  entry: Entry;
  /** The names of the dependencies that fail, as one string, so that it is cheap to compare. */
  needs: string;
  /** When its status was seen to change; 0: it was not. */
  turned: number;
  at: number;
}) {
  return (
    <a class={`card-wrong on-${entry.status}`} href={serviceURL(entry.service)}>
      <span class="card-head">
        <Shape status={entry.status} />
        <b>{entry.service}</b>
        <span class="card-since">{sinceText(entry, sinceOf(entry, turned), at)}</span>
      </span>
      <span class={`card-rule is-${entry.status}`}><Reason entry={entry} needs={needs} /></span>
      <Errors entry={entry} at={at} name="card-error" />
      <Drags wrong={wrong} />
      <span class="card-advice">
        <span><Advice entry={entry} at={at} /></span>
        <span class="card-open">Open ›</span>
      </span>
    </a>
  );
});

/** Why it is so: what is with it itself, and then what it needs that fails. */
export function Reason({ entry, needs }: { entry: Entry; needs: string }) {
  const names = needs === '' ? [] : needs.split(' ');
  const own = reasonOf(entry, names);
  const more = names.length > 0 && !own.includes(needsText(names));
  return <><Sentence words={own} />{more && `; ${needsText(names)}`}</>;
}

/** The errors that were told. That there was none is only said where there should be one. */
export function Errors({ entry, at, name }: { entry: Entry; at: number; name: string }) {
  const errors = errorsOf(entry, at);
  if (errors.length === 0 && lacksError(entry)) return <span class={`${name} muted`}>no error was told</span>;
  return (
    <>
      {errors.map(({ label, text }) => (
        <span key={label} class={name} title={text}>{label !== '' && <span class="error-label">{label}: </span>}<Outside text={text} /></span>
      ))}
    </>
  );
}

/** What happens next, or what to do. */
export function Advice({ entry, at }: { entry: Entry; at: number }) {
  const { text, until } = adviceOf(entry);
  if (!until) return <>{text}</>;
  if (Date.parse(until) <= at) return <>{text} <b>now</b></>;
  return <>{text} in <b><Countdown to={until} from={at} /></b>{entry.circuit_breaker.override && <>, at <When at={until} /></>}</>;
}

export function Drags({ wrong }: { wrong: Wrong }) {
  const { drags, dependents } = wrong;
  if (drags.length > 0) return <span class="card-drags">drags down <b>{drags.length}</b>: {drags.slice(0, 20).join(', ')}</span>;
  if (dependents > 0) return <span class="card-drags muted">{dependents === 1 ? 'one service depends on it, and is not worse for it yet' : `${dependents} services depend on it, none is worse for it yet`}</span>;
  return <span class="card-drags muted">no service depends on it</span>;
}
