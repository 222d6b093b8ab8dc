import type { Config } from '../../wire';
import { differences, shownAs } from './fields';

/** What differs between two configs. */
export function Diff({ before, after, heads = ['before', 'after'] }: { before: Config; after: Config; heads?: [string, string] }) {
  const list = differences(before, after);
  if (list.length === 0) return <p class="muted">They are alike.</p>;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="What differs">
      <table class="svc-diff">
        <thead><tr><th scope="col">Setting</th><th scope="col">{heads[0]}</th><th scope="col">{heads[1]}</th></tr></thead>
        <tbody>
          {list.map((d) => (
            <tr key={d.name}>
              <th scope="row" class="mono">{d.name}</th>
              <td><del>{shownAs(d.name, d.before)}</del></td>
              <td><ins>{shownAs(d.name, d.after)}</ins></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
