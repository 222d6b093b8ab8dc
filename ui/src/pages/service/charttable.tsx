import { useState } from 'preact/hooks';

import { duration, rate } from '../../format';
import { When } from '../../parts/moment';
import type { Band } from './bands';
import { rows } from './summary';
import type { Timeline } from './timeline';

const heads = ['Time', 'Circuit', 'Successful', 'Failed', 'Ignored', 'Rejected', 'p50', 'p95', 'p99'];

/** The charts as a table, for who cannot see them or wants the figures. */
export function ChartTable({ line, bands }: { line: Timeline; bands: readonly Band[] }) {
  const [shown, show] = useState(false);
  return (
    <>
      <button type="button" class="button quiet svc-table-button" aria-expanded={shown} onClick={() => show(!shown)}>
        {shown ? 'Hide the table' : 'Show as table'}
      </button>
      {shown && (
        <div class="scroll-x svc-table" tabIndex={0} role="region" aria-label="The charts as a table">
          <table>
            <thead>
              <tr>{heads.map((h, i) => <th key={h} scope="col" class={i > 1 ? 'number' : ''}>{h}</th>)}</tr>
            </thead>
            <tbody>
              {rows(line, bands).map((r) => (
                <tr key={r.at}>
                  <th scope="row"><When at={r.at} /></th>
                  <td>{r.standing || '–'}</td>
                  {[r.successful, r.failed, r.ignored, r.rejected].map((n, i) => <td key={i} class="number">{n === null ? 'not known' : rate(n)}</td>)}
                  {[r.p50, r.p95, r.p99].map((n, i) => <td key={i} class="number">{n === null ? '–' : duration(n)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
