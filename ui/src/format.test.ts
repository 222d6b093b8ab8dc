import { describe, expect, it } from 'vitest';

import { count, duration, local, rate, share, shortSpan, span, utc, worded } from './format';

describe('numbers', () => {
  it.each([[0, '0'], [999, '999'], [999.6, '1.0k'], [1_000, '1.0k'], [9_949, '9.9k'], [9_950, '10k'], [999_499, '999k'], [999_600, '1.0M'], [5.6e6, '5.6M'], [4.2e9, '4.2G'], [7e12, '7000G']])(
    'counts %d as %s', (n, text) => expect(count(n)).toBe(text));

  it.each([[0, '0/s'], [0.01, '<0.1/s'], [0.1, '0.1/s'], [9.94, '9.9/s'], [9.96, '10/s'], [1_500, '1.5k/s']])(
    'shows the rate %d as %s', (n, text) => expect(rate(n)).toBe(text));

  it.each([[0, '0 %'], [0.0001, '<0.1 %'], [0.0123, '1.2 %'], [0.0996, '10 %'], [0.5, '50 %'], [0.9994, '>99.9 %'], [1, '100 %']])(
    'never shows a little as nothing, nor almost all as all: %d is %s', (x, text) => expect(share(x)).toBe(text));
});

describe('times', () => {
  it.each([[-1, '0 ms'], [0.4, '0.40 ms'], [1.84, '1.8 ms'], [12.3, '12 ms'], [999, '999 ms'], [1_240, '1.2 s'], [59_000, '59 s'], [61_000, '1m 01s']])(
    '%d milliseconds are %s', (ms, text) => expect(duration(ms)).toBe(text));

  it.each([[-5, '0s'], [45_000, '45s'], [125_000, '2m 05s'], [3_600_000, '1h 00m'], [11_520_000, '3h 12m'], [352_800_000, '4d 2h']])(
    'a span of %d is %s', (ms, text) => expect(span(ms)).toBe(text));

  it('has the day where it is not today', () => {
    const now = new Date(2026, 10, 23, 12).getTime();
    expect(local(new Date(2026, 10, 23, 8, 5, 9).getTime(), now)).toBe('08:05:09');
    expect(local(new Date(2026, 10, 22, 8, 5, 9).getTime(), now)).toMatch(/22.*08:05:09/);
  });

  it.each([[45_400, '45s'], [725_000, '12m'], [11_520_000, '3h'], [352_800_000, '4d']])('a span of %d is %s in short', (ms, text) => expect(shortSpan(ms)).toBe(text));

  it('are the same in the words of the manager', () => {
    const at = new Date(2026, 10, 23, 8, 5, 9).getTime();
    expect(worded('closed: 0 of 5 failures within 1m0s', at)).toBe('closed: 0 of 5 failures within 1m 00s');
    expect(worded('1h0m0s, 36h0m5.5s. 1.25s (820.5µs)', at)).toBe('1h 00m, 1d 12h. 1.3 s (0.82 ms)');
    expect(worded(`open; next attempt at ${new Date(at).toISOString()}`, at)).toBe('open; next attempt at 08:05:09');
    for (const text of ['in 2m 05s', '45s ago', '3.2 ms', 'v1.2s-beta', 'node-1m0s', '10.0.0.7:53', 'its 5s']) expect(worded(text, at)).toBe(text);
  });

  it('is whole in UTC', () => expect(utc(Date.UTC(2026, 10, 23, 8, 5, 9, 7))).toBe('2026-11-23 08:05:09.007 UTC'));
});
