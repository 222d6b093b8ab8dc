import { describe, expect, it } from 'vitest';

import type { Entry } from '../wire';
import { PastBoard } from './past';

const entry = (service: string) => ({ service }) as Entry;

/** A board of the past whose answers are given by hand. */
function made() {
  const asked: { at: number; answer: (entries: Entry[]) => void; fail: (err: Error) => void; aborted: () => boolean }[] = [];
  const past = new PastBoard((at, signal) => new Promise((answer, fail) => asked.push({ at, answer, fail, aborted: () => signal.aborted })), () => 1_000_000, 0);
  const settle = () => new Promise<void>((done) => setTimeout(done, 5));
  return { past, asked, settle, names: () => [...(past.shown.value?.entries.keys() ?? [])] };
}

const live = new Map([['live', entry('live')]]);

describe('PastBoard', () => {
  it('shows what was shown until the answer is there', async () => {
    const { past, asked, settle, names } = made();
    past.want(100, live);
    expect([past.shown.value?.at, names()]).toEqual([1_000_000, ['live']]);
    asked[0]!.answer([entry('then')]);
    await settle();
    expect([past.shown.value?.at, names()]).toEqual([100, ['then']]);
  });

  it('asks one question at a time, and after it for the last moment that was wanted', async () => {
    const { past, asked, settle } = made();
    for (const at of [100, 200, 300]) past.want(at, live);
    expect(asked.map((q) => q.at)).toEqual([100]);
    asked[0]!.answer([entry('a')]);
    await settle();
    expect(past.shown.value?.at).toBe(100); // it passes by
    expect(asked.map((q) => q.at)).toEqual([100, 300]);
  });

  it('keeps settled moments, and asks again for those that may still change', async () => {
    const { past, asked, settle } = made();
    for (const at of [100, 999_000, 100, 999_000]) {
      past.want(at, live);
      asked.at(-1)!.answer([entry(String(at))]);
      await settle();
    }
    expect(asked.map((q) => q.at)).toEqual([100, 999_000, 999_000]);
  });

  it('comes back to the present, whatever is under way', async () => {
    const { past, asked, settle } = made();
    past.want(100, live);
    past.want(null, live);
    expect(asked[0]!.aborted()).toBe(true);
    asked[0]!.answer([entry('late')]);
    await settle();
    expect(past.shown.value).toBeNull();
    past.want(200, live);
    expect(asked.map((q) => q.at)).toEqual([100, 200]);
  });

  it('shows nothing false where a moment cannot be had, and says why', async () => {
    const { past, asked, settle, names } = made();
    past.want(100, live);
    asked[0]!.fail(new Error('the manager cannot be reached'));
    await settle();
    expect([names(), past.shown.value?.error]).toEqual([[], 'the manager cannot be reached']);
  });

  it('does not grow without end', async () => {
    const { past, asked, settle } = made();
    const many = Array.from({ length: 25_000 }, (_, i) => entry(`s${i}`));
    for (const at of [1, 2, 3, 1]) {
      past.want(at, live);
      asked.at(-1)!.answer(many);
      await settle();
    }
    expect(asked.map((q) => q.at)).toEqual([1, 2, 3, 1]); // the first has gone
  });
});
