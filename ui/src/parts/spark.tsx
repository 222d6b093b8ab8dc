import type { Bar } from '../live/ring';
import './spark.css';

const slot = 4; // units a bar and its gap take; whole numbers make short paths
const tall = 100; // units of height

/**
 * Operations as bars, of which the failed and the rejected are marked; the
 * highest fills the height. Without a label it is an ornament beside words.
 */
export function Spark({ bars, label }: { bars: Bar[]; label: string }) {
  let top = 1;
  for (const bar of bars) top = Math.max(top, bar.successful + bar.failed + bar.rejected);
  let [good, failed, rejected] = ['', '', ''];
  for (let i = 0, x = slot / 2; i < bars.length; i++, x += slot) {
    const bar = bars[i]!;
    if (bar.successful + bar.failed + bar.rejected === 0) continue;
    // From the ground up: failed, rejected, successful; what is there is seen, however little it is.
    const a = bar.failed > 0 ? Math.max(3, Math.round((bar.failed / top) * tall)) : 0;
    const b = a + (bar.rejected > 0 ? Math.max(3, Math.round((bar.rejected / top) * tall)) : 0);
    const c = b + (bar.successful > 0 ? Math.max(3, Math.round((bar.successful / top) * tall)) : 0);
    if (a > 0) failed += `M${x} ${tall}V${tall - a}`;
    if (b > a) rejected += `M${x} ${tall - a}V${tall - b}`;
    if (c > b) good += `M${x} ${tall - b}V${Math.max(0, tall - c)}`;
  }
  return (
    <svg class="spark" viewBox={`0 0 ${slot * bars.length} ${tall}`} preserveAspectRatio="none" {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}>
      <path class="good" d={good} />
      <path class="rejected" d={rejected} />
      <path class="failed" d={failed} />
    </svg>
  );
}
