import { session } from '../../live/live';
import './lists.css';

/** Why a page shows nothing to the one who is here. */
export function NotForYou({ what, role }: { what: string; role: string }) {
  const who = session.value;
  return (
    <div class="page">
      <section class="card lists-told">
        <h1>{what}</h1>
        <p>
          This is for an {role} whose token is for all services. You are logged in as {who?.name ?? 'nobody'}, with the role {who?.role ?? 'of nobody'}
          {who?.services ? <>, for {who.services.join(', ')} only</> : null}.
        </p>
      </section>
    </div>
  );
}

/** Whether the one who is here has a role and sees all services. */
export const seesAll = (): boolean => session.value?.services === null || session.value?.services === undefined;
