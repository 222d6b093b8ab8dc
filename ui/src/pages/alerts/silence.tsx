import { api } from '../../api';
import { local, many, span } from '../../format';
import { alerts, board, now } from '../../live/live';
import { Dialog } from '../../parts/dialog';
import { Field, useForm, wrongOf } from '../../parts/form';
import { tell } from '../../parts/notice';
import { Outside } from '../../parts/outside';
import type { FieldMessage, Matcher } from '../../wire';
import { alertText, alertWords } from '../../words';
import { covered, fields, lengths, ops, request, timesOf, toField, wrongs, type Form } from './form';
import { opText } from './words';

/** What a silence may begin with. */
export interface Preset {
  words: string;
  matchers: Matcher[];
}

const nothing: Matcher = { field: 'service', op: '=', value: '' };
const touches = { matchers: ['matchers'], reason: ['reason'], starts: ['starts_at', 'ends_at'], lasts: ['ends_at'], span: ['ends_at'], until: ['ends_at'] };

/** Asks what is to be silenced, from when until when and why, and says which firing alerts that covers. */
export function MakeSilence({ presets, close, made }: { presets: Preset[]; close: () => void; made: () => void }) {
  const { form, change, bad, failed, busy, props } = useForm<Form>({
    begin: { matchers: presets[0]?.matchers ?? [nothing], reason: '', starts: '', lasts: '', span: '', until: '' },
    touches,
    wrongs: (asked) => wrongs(asked, board.now()),
    async send(asked) {
      const silence = await api.silence(request(asked, board.now()));
      tell('good', `The silence ${silence.status === 'pending' ? `will hold from ${local(Date.parse(silence.starts_at), now.peek())}` : 'holds'} until ${local(Date.parse(silence.ends_at), now.peek())}.`);
      made();
    },
  });
  return (
    <Dialog title="Silence" close={close} wide>
      <form class="stack alerts-silence" {...props}>
        <What form={form} presets={presets} bad={bad} change={change} />
        <Effect form={form} />
        <Time form={form} bad={bad} change={change} />
        <Field id="alerts-reason" label="Reason" wrong={wrongOf(bad, 'reason')}>
          {(control) => <input {...control} value={form.reason} maxLength={1024} autocomplete="off" placeholder="for the others: what is being done" onInput={(event) => change({ reason: event.currentTarget.value })} />}
        </Field>
        {failed !== '' && <p class="lists-wrong" role="alert">Nothing was silenced: {failed}</p>}
        <footer class="row dialog-foot">
          <button type="button" class="button" onClick={close}>Cancel</button>
          <button type="submit" class="button primary" disabled={busy}>{busy ? 'One moment …' : 'Silence'}</button>
        </footer>
      </form>
    </Dialog>
  );
}

interface Part {
  form: Form;
  bad: FieldMessage[];
  change: (part: Partial<Form>) => void;
}

/** The matchers: those that are offered, and each as one wants it. */
function What({ form, presets, bad, change }: Part & { presets: Preset[] }) {
  const whole = bad.filter((one) => one.field === 'matchers').map((one) => one.message).join(' '); // the others stand at theirs
  const put = (i: number, part: Partial<Matcher>) => change({ matchers: form.matchers.map((one, at) => (at === i ? { ...one, ...part } : one)) });
  const same = (preset: Preset) => JSON.stringify(preset.matchers) === JSON.stringify(form.matchers);
  return (
    <fieldset class="alerts-what">
      <legend>What</legend>
      {presets.length > 0 && (
        <div class="alerts-choices">
          {presets.map((preset) => <button key={preset.words} type="button" class="alerts-choice" aria-pressed={same(preset)} onClick={() => change({ matchers: preset.matchers })}>{preset.words}</button>)}
        </div>
      )}
      {form.matchers.map((one, i) => {
        const wrong = wrongOf(bad, `matchers[${i}]`);
        const name = form.matchers.length > 1 ? `Condition ${i + 1}: ` : '';
        return (
          <div key={i} class="alerts-matcher">
            <select aria-label={`${name}field`} value={one.field} onChange={(event) => put(i, { field: event.currentTarget.value })}>
              {fields.map((field) => <option key={field} value={field}>{field}</option>)}
            </select>
            <select aria-label={`${name}comparison`} value={one.op} onChange={(event) => put(i, { op: event.currentTarget.value })}>
              {ops.map((op) => <option key={op} value={op}>{opText(op)}</option>)}
            </select>
            <input aria-label={`${name}value`} class="mono" list={`alerts-values-${one.field}`} value={one.value} autocomplete="off" spellcheck={false} aria-invalid={wrong !== ''} aria-describedby={`alerts-matcher-${i}`}
              placeholder={one.op.endsWith('~') ? 'wallet_.*' : ''} {...(i === 0 ? { autofocus: true } : {})} onInput={(event) => put(i, { value: event.currentTarget.value })} />
            <button type="button" class="button quiet" aria-label={`Leave out condition ${i + 1}`} disabled={form.matchers.length === 1} onClick={() => change({ matchers: form.matchers.filter((_, at) => at !== i) })}>✕</button>
            <small id={`alerts-matcher-${i}`} class="wrong">{wrong}</small>
          </div>
        );
      })}
      <button type="button" class="button quiet alerts-and" disabled={form.matchers.length >= 20} onClick={() => change({ matchers: [...form.matchers, nothing] })}>+ and …</button>
      {whole !== '' && <small class="wrong" role="alert">{whole}</small>}
      <Values />
    </fieldset>
  );
}

/** What may stand in a field, to choose from. */
function Values() {
  const entries = [...board.entries.values()];
  const names = entries.map((entry) => entry.service).sort().slice(0, 1_000);
  const lists: Record<string, string[]> = {
    service: names, root: names, kind: Object.keys(alertWords), severity: ['critical', 'warning', 'info'], layer: [...new Set(entries.map((entry) => entry.layer))].sort(),
  };
  return <>{Object.entries(lists).map(([field, values]) => <datalist key={field} id={`alerts-values-${field}`}>{values.map((value) => <option key={value} value={value} />)}</datalist>)}</>;
}

const shown = 6;

function Effect({ form }: { form: Form }) {
  const empty = form.matchers.some((one) => one.value.trim() === '' && one.op !== '!=');
  const found = empty ? [] : covered(form.matchers, alerts.firing.value, (service) => board.entries.get(service)?.layer ?? '');
  return (
    <div class="alerts-effect" role="status">
      {found === null ? <p>Which alerts this covers cannot be told here: the manager will say whether it is an expression.</p>
        : empty ? <p class="muted">It covers what fits all conditions.</p>
        : found.length === 0 ? <p>It covers nothing that fires now.</p>
        : (
          <>
            <p>It covers <b>{many(found.length, 'alert')}</b> that {found.length === 1 ? 'fires' : 'fire'} now{alerts.more.value && ', and perhaps more'}:</p>
            <ul>{found.slice(0, shown).map((alert) => <li key={alert.id}><b><Outside text={alert.service} /></b> {alertText(alert.kind)}</li>)}{found.length > shown && <li class="muted">and {found.length - shown} more</li>}</ul>
          </>
        )}
      <p class="muted">Nobody is told of what it covers. What still fires at its end is told then.</p>
    </div>
  );
}

function Time({ form, bad, change }: Part) {
  const { from, to } = timesOf(form, now.value);
  const [startWrong, endWrong] = [wrongOf(bad, 'starts_at'), wrongOf(bad, 'ends_at')];
  const later = form.starts !== '';
  return (
    <div class="alerts-time">
      <fieldset>
        <legend>Starts</legend>
        <div class="alerts-choices">
          <button type="button" class="alerts-choice" aria-pressed={!later} onClick={() => change({ starts: '' })}>now</button>
          <button type="button" class="alerts-choice" aria-pressed={later} onClick={() => later || change({ starts: toField(board.now() + 3_600_000) })}>later …</button>
          {later && <input type="datetime-local" aria-label="Starts at" value={form.starts} aria-invalid={startWrong !== ''} onInput={(event) => change({ starts: event.currentTarget.value || 'x' })} />}
        </div>
        {startWrong !== '' && <small class="wrong">{startWrong}</small>}
      </fieldset>
      <fieldset>
        <legend>Lasts</legend>
        <div class="alerts-choices">
          {[...lengths.map((one) => ({ name: one.name, value: String(one.ms) })), { name: 'other', value: 'span' }, { name: 'until …', value: 'until' }].map((one, i) => (
            <button key={one.value} type="button" class="alerts-choice" aria-pressed={form.lasts === one.value} {...(i === 0 ? { 'aria-invalid': endWrong !== '' && form.lasts === '', 'aria-describedby': 'alerts-end-more' } : {})}
              onClick={() => change({ lasts: one.value, ...(one.value === 'until' && form.until === '' ? { until: toField(from + 3_600_000) } : {}) })}>{one.name}</button>
          ))}
          {form.lasts === 'span' && <input class="alerts-span" aria-label="Lasts" placeholder="2h 30m" value={form.span} aria-invalid={endWrong !== ''} onInput={(event) => change({ span: event.currentTarget.value })} />}
          {form.lasts === 'until' && <input type="datetime-local" aria-label="Ends at" value={form.until} aria-invalid={endWrong !== ''} onInput={(event) => change({ until: event.currentTarget.value })} />}
        </div>
        <small id="alerts-end-more" class={endWrong === '' ? 'muted' : 'wrong'}>{endWrong !== '' ? endWrong : to > from && form.lasts !== '' ? `${later ? `from ${local(from, now.value)} ` : ''}until ${local(to, now.value)}, for ${span(to - from)}` : ''}</small>
      </fieldset>
    </div>
  );
}
