import { describe, expect, it } from 'vitest';

import type { Config } from '../../wire';
import { byField, differences, exactly, fieldOf, fields, fromText, isUsual, merge, merged, rangeText, shown, toText } from './fields';

const base: Config = {
  enabled: true, failureThreshold: 5, resetTimeoutMs: 60_000, minHealthyPeriodMs: 120_000, monitoringWindowMs: 300_000, healthCheckIntervalMs: 30_000,
  failureRateThreshold: 0, minimumOperations: 1, consecutiveFailureThreshold: 0, slowCallDurationMs: 0, slowCallRateThreshold: 0,
  halfOpenFailureThreshold: 1, probeTimeoutMs: 60_000, backoffMultiplier: 2, maxResetTimeoutMs: 300_000, jitter: 0.1, recoverySteps: [0.05, 0.2, 0.5],
};
const field = (name: string) => fieldOf(name)!;

it('knows every field of a config, and the default of each', () => {
  expect(fields.map((f) => f.name).sort()).toEqual(Object.keys(base).sort());
  for (const f of fields) expect(isUsual(f, base), f.name).toBe(true);
});

describe('a form', () => {
  it('gives back what it was filled with', () => {
    const odd: Config = { ...base, enabled: false, jitter: 0.25, recoverySteps: [0.1, 1], probeTimeoutMs: 5_000, minHealthyPeriodMs: 0 };
    for (const config of [base, odd]) {
      const back: Config = {};
      for (const f of fields) back[f.name] = fromText(f, toText(f, config)).value;
      expect(differences(config, back)).toEqual([]);
    }
  });

  it('leaves a derived value empty, so that it stays derived', () => {
    expect(toText(field('probeTimeoutMs'), base)).toBe('');
    expect(fromText(field('probeTimeoutMs'), '')).toEqual({ value: null });
    expect(toText(field('probeTimeoutMs'), { ...base, probeTimeoutMs: 7 })).toBe('7');
  });

  it('takes empty as the default', () => expect(fromText(field('jitter'), ' ')).toEqual({ value: 0.1 }));

  it('says what is wrong with a value', () => {
    expect(fromText(field('failureThreshold'), 'five').error).toContain('not a number');
    expect(fromText(field('failureThreshold'), '2.5').error).toContain('whole');
    expect(fromText(field('failureThreshold'), '0').error).toContain('1 …');
    expect(fromText(field('jitter'), '1.5').error).toContain('0 … 1');
    expect(fromText(field('recoverySteps'), '0.5, 0.2').error).toContain('rise');
    expect(fromText(field('recoverySteps'), '0.5, 2').error).toContain('up to 1');
  });

  it('takes no steps, and figures in threes', () => {
    expect(fromText(field('recoverySteps'), '')).toEqual({ value: [] });
    expect(fromText(field('resetTimeoutMs'), '86 400 000')).toEqual({ value: 86_400_000 });
  });
});

describe('differences', () => {
  it('lists what changed, in the order of the fields, and no derived value that stays so', () => {
    expect(differences(base, { ...base, jitter: 0, failureThreshold: 9, probeTimeoutMs: null })).toEqual([
      { name: 'failureThreshold', before: 5, after: 9 }, { name: 'jitter', before: 0.1, after: 0 },
    ]);
  });

  it('tells a derived value that changes with another', () => {
    const after = { ...base, resetTimeoutMs: 90_000, probeTimeoutMs: null };
    expect(differences(base, after).map((d) => [d.name, d.after])).toEqual([['resetTimeoutMs', 90_000], ['probeTimeoutMs', 90_000]]);
  });

  it('shows a field that it does not know', () => expect(differences({ later: 1 }, { later: 2 })).toEqual([{ name: 'later', before: 1, after: 2 }]));
});

describe('merge', () => {
  const mine = { ...base, failureThreshold: 9, jitter: 0.3, minimumOperations: 7 };
  const theirs = { ...base, failureThreshold: 4, backoffMultiplier: 3, minimumOperations: 7 };

  it('tells what each changed, and what both did', () => {
    expect(merge(base, mine, theirs)).toEqual({
      mine: ['minimumOperations', 'jitter'], theirs: ['backoffMultiplier'],
      both: [{ name: 'failureThreshold', base: 5, mine: 9, theirs: 4 }],
    });
  });

  it('puts mine on theirs, and takes of both what was chosen', () => {
    expect(merged(base, mine, theirs, { failureThreshold: 'mine' })).toEqual({ ...theirs, jitter: 0.3, failureThreshold: 9 });
    expect(merged(base, mine, theirs, { failureThreshold: 'theirs' })).toEqual({ ...theirs, jitter: 0.3 });
  });
});

describe('words', () => {
  it('say lengths of time whole', () => {
    expect([90_000, 60_000, 86_400_000, 1_500, 250, 5_400_000].map(exactly)).toEqual(['1 m 30 s', '1 m', '1 d', '1.5 s', '250 ms', '1 h 30 m']);
  });
  it('say what is off', () => {
    expect(shown(field('slowCallDurationMs'), 0)).toBe('off');
    expect(shown(field('minHealthyPeriodMs'), 0)).toBe('0');
    expect(shown(field('recoverySteps'), [0.05, 0.5])).toBe('5 % → 50 %');
  });
  it('say ranges', () => expect(rangeText(field('failureRateThreshold'))).toBe('0 … 1; 0 is off'));
});

it('finds the field of a message, whatever path is before it', () => {
  expect(byField([{ field: 'config.jitter', message: 'a' }, { field: 'jitter', message: 'b' }])).toEqual(new Map([['jitter', ['a', 'b']]]));
});
