/** One look at a service's totals. */
export interface Sample {
  at: number; // milliseconds since 1970
  successful: number;
  failed: number;
  rejected: number;
}

/** How many operations ended in a span of time. */
export interface Bar {
  at: number;
  successful: number;
  failed: number;
  rejected: number;
}

const width = 2_000; // milliseconds a bucket
const room = 156; // buckets: five minutes, and a little, as charts begin at whole spans

/**
 * What one service did in the last five minutes, in buckets of two seconds.
 * With 10 000 of them it matters that each is one array of numbers, and that
 * a service that does nothing has none.
 */
export class Ring {
  private counts: Float32Array | null = null; // three numbers a bucket
  private head = 0; // the newest bucket that was written, counted since 1970
  private last: Sample | null = null;
  private knownFrom = Infinity;
  private asked = false;

  /**
   * Takes in the totals at a moment. What was done since the look before is
   * put where it ended; `blindSince`: nobody listened from then on, so it is
   * spread evenly over that time.
   */
  push(sample: Sample, blindSince?: number): void {
    const last = this.last;
    this.last = sample;
    if (!last) {
      this.knownFrom = Math.min(this.knownFrom, sample.at);
      return;
    }
    const successful = sample.successful - last.successful;
    const failed = sample.failed - last.failed;
    const rejected = sample.rejected - last.rejected;
    if (successful < 0 || failed < 0 || rejected < 0) return; // the counts began anew
    if (successful + failed + rejected === 0) return;
    this.spread(Math.max(blindSince ?? sample.at, last.at), sample.at, successful, failed, rejected);
  }

  /** What the manager kept of the time before the first look: bars of `step` milliseconds. */
  prepend(bars: Bar[], step: number): void {
    const until = this.last ? this.knownFrom : Infinity;
    this.asked = true;
    this.knownFrom = 0;
    for (const bar of bars) {
      const end = Math.min(bar.at + step, until) - 1;
      if (end < bar.at) continue;
      const part = (end + 1 - bar.at) / step;
      this.spread(bar.at, end, bar.successful * part, bar.failed * part, bar.rejected * part);
    }
  }

  /** Says that what was before the first look is not to be had. */
  giveUp(): void {
    this.asked = true;
  }

  /** Whether the time before the first look was asked for. */
  get seeded(): boolean {
    return this.asked;
  }

  /** Operations a second over the last seconds before now; 0 where nothing is known. */
  rate(now: number, seconds = 10): { operations: number; failed: number; rejected: number } {
    let [successful, failed, rejected] = [0, 0, 0];
    const first = Math.ceil((now - seconds * 1_000) / width);
    for (let k = first; k * width <= now; k++) {
      const i = this.slot(k);
      if (i < 0) continue;
      successful += this.counts![i]!;
      failed += this.counts![i + 1]!;
      rejected += this.counts![i + 2]!;
    }
    const span = Math.max(1_000, now - Math.max(first * width, this.knownFrom)) / 1_000;
    return { operations: (successful + failed) / span, failed: failed / span, rejected: rejected / span };
  }

  /** The last n spans of `step` milliseconds before now, the oldest first. Steps are best multiples of two seconds. */
  bars(now: number, step: number, n: number): Bar[] {
    const end = Math.ceil(now / step) * step;
    const start = end - n * step;
    const bars: Bar[] = Array.from({ length: n }, (_, i) => ({ at: start + i * step, successful: 0, failed: 0, rejected: 0 }));
    if (!this.counts) return bars;
    for (let k = Math.ceil(start / width); k * width < end; k++) {
      const i = this.slot(k);
      const bar = bars[Math.floor((k * width - start) / step)];
      if (i < 0 || !bar) continue;
      bar.successful += this.counts[i]!;
      bar.failed += this.counts[i + 1]!;
      bar.rejected += this.counts[i + 2]!;
    }
    return bars;
  }

  /** Where a bucket's numbers are; -1: nowhere. */
  private slot(k: number): number {
    return this.counts && k <= this.head && k > this.head - room ? (k % room) * 3 : -1;
  }

  private spread(from: number, to: number, successful: number, failed: number, rejected: number): void {
    const [a, b] = [Math.floor(from / width), Math.floor(to / width)];
    this.reach(b);
    const n = b - a + 1;
    for (let k = Math.max(a, this.head - room + 1); k <= b; k++) {
      const i = this.slot(k);
      if (i < 0) continue;
      this.counts![i]! += successful / n;
      this.counts![i + 1]! += failed / n;
      this.counts![i + 2]! += rejected / n;
    }
  }

  /** Makes a bucket the newest one; those between it and the newest so far are empty. */
  private reach(k: number): void {
    if (!this.counts) {
      this.counts = new Float32Array(room * 3);
      this.head = k;
      return;
    }
    if (k - this.head >= room) this.counts.fill(0);
    else for (let j = this.head + 1; j <= k; j++) this.counts.fill(0, (j % room) * 3, (j % room) * 3 + 3);
    this.head = Math.max(this.head, k);
  }
}
