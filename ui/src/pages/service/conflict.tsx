import { useState } from 'preact/hooks';

import { When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import type { Config, ConfigInForce } from '../../wire';
import { Diff } from './diff';
import { merge, merged, shownAs } from './fields';

/** Somebody saved another version meanwhile: what they changed, and whose value stands where both changed one. */
export function Conflict({ base, mine, theirs, take }: { base: ConfigInForce; mine: Config; theirs: ConfigInForce; take: (joined: Config) => void }) {
  const { both, mine: onlyMine } = merge(base.config, mine, theirs.config);
  const [choice, choose] = useState<Record<string, 'mine' | 'theirs'>>({});
  const open = both.filter((b) => !choice[b.name]).length;
  return (
    <section class="svc-conflict" aria-labelledby="svc-conflict-title" role="alert">
      <h3 id="svc-conflict-title"><Outside text={theirs.updated_by} /> saved version {theirs.version} while you were editing version {base.version}</h3>
      <p class="muted"><When at={theirs.updated_at} />{theirs.reason && <>: “<Outside text={theirs.reason} />”</>}</p>
      <Diff before={base.config} after={theirs.config} heads={[`version ${base.version}`, `version ${theirs.version}`]} />
      {both.map((b) => (
        <fieldset key={b.name} class="svc-both">
          <legend><code>{b.name}</code> was changed by both</legend>
          {(['theirs', 'mine'] as const).map((who) => (
            <label key={who}>
              <input type="radio" name={`take-${b.name}`} checked={choice[b.name] === who} onChange={() => choose({ ...choice, [b.name]: who })} />
              {who === 'theirs' ? `theirs: ${shownAs(b.name, b.theirs)}` : `mine: ${shownAs(b.name, b.mine)}`}
            </label>
          ))}
        </fieldset>
      ))}
      <div class="row">
        <span class="muted spread">
          {both.length === 0 && onlyMine.length > 0 ? 'You both changed different settings: yours are put on top of theirs.' : ''}
          {open > 0 ? `Choose ${open === 1 ? 'whose value stands' : `whose values stand, ${open} are left`}.` : ''}
        </span>
        <button type="button" class="button" onClick={() => take(theirs.config)}>Take all of theirs</button>
        <button type="button" class="button primary" disabled={open > 0} onClick={() => take(merged(base.config, mine, theirs.config, choice))}>Go on from version {theirs.version}</button>
      </div>
    </section>
  );
}
