import { useState } from 'preact/hooks';

import { api } from '../api';
import { may, now, session } from '../live/live';
import { Ago, When } from '../parts/moment';
import { orderly, Outside } from '../parts/outside';
import type { NewToken, Token } from '../wire';
import { More } from './lists/more';
import { usePages } from './lists/pager';
import { NotForYou, seesAll } from './lists/told';
import { CreateToken } from './tokens/create';
import { roleWords } from './tokens/form';
import { RevokeToken } from './tokens/revoke';
import { Secret } from './tokens/secret';
import './lists/lists.css';
import './tokens/tokens.css';

/** Who may get in: the tokens, to make and to revoke. */
export function TokensPage() {
  if (!may('admin') || !seesAll()) return <NotForYou what="Tokens" role="admin" />;
  return <Tokens key={session.value?.name ?? ''} />;
}

function Tokens() {
  const list = usePages<Token>('', (cursor) => api.tokens(cursor));
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<NewToken | null>(null);
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <div class="page">
      <header class="lists-head">
        <h1>Tokens</h1>
        <p class="muted spread">who may get in, and as what</p>
        <button type="button" class="button primary" onClick={() => setMaking(true)}>Make a token</button>
      </header>
      {made && <Secret token={made} done={() => setMade(null)} />}
      {list.items.length > 0 && (
        <div class="lists-table" tabIndex={0} role="region" aria-label="Tokens">
          <table class="tokens-table">
            <thead><tr><th>Name</th><th>Role</th><th>Services</th><th>Made</th><th>Ends</th><th><span class="hidden-visually">Revoke</span></th></tr></thead>
            <tbody>{list.items.map((token) => <Row key={token.id} token={token} revoke={() => setRevoking(token)} />)}</tbody>
          </table>
        </div>
      )}
      <More list={list} empty="No token was made yet. That of SWITCHGEAR_ADMIN_TOKEN is not listed." />
      {making && (
        <CreateToken
          close={() => setMaking(false)}
          made={(token) => {
            setMaking(false);
            setMade(token);
            list.again();
          }}
        />
      )}
      {revoking && (
        <RevokeToken
          token={revoking}
          close={() => setRevoking(null)}
          done={() => {
            setRevoking(null);
            if (made?.id === revoking.id) setMade(null);
            list.again();
          }}
        />
      )}
    </div>
  );
}

function Row({ token, revoke }: { token: Token; revoke: () => void }) {
  const over = token.expires_at !== null && Date.parse(token.expires_at) <= now.value;
  return (
    <tr class={over ? 'tokens-over' : ''}>
      <td><b><Outside text={token.name} /></b> <small class="mono muted tokens-id">{token.id}</small></td>
      <td title={roleWords[token.role]}>{token.role}</td>
      <td>{token.services ? <span class="mono">{token.services.join(', ')}</span> : 'all'}</td>
      <td><When at={token.created_at} /> <span class="muted">by {token.created_by ? <Outside text={token.created_by} /> : 'nobody known'}</span></td>
      <td>{token.expires_at === null ? 'never' : over ? <>has ended, <Ago at={token.expires_at} /></> : <><When at={token.expires_at} /> <span class="muted"><Ago at={token.expires_at} /></span></>}</td>
      <td class="tokens-do">
        {token.id === 'environment'
          ? <span class="muted" title="It is the value of SWITCHGEAR_ADMIN_TOKEN: change that, and start the manager again">of the environment</span>
          : <button type="button" class="button danger" aria-label={`Revoke ${orderly(token.name)}`} onClick={revoke}>Revoke</button>}
      </td>
    </tr>
  );
}
