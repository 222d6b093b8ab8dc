import { describe, expect, it } from 'vitest';

import type { EventKind, ServiceEvent } from '../../wire';
import { bands, lasting, type Band, type Known } from './bands';

const event = (at: number, kind: EventKind, from: string, to: string): ServiceEvent => ({
  id: at, seq: at, service: 's', kind, from, to, at: new Date(at).toISOString(), actor: null, reason: null, evidence: null, durable: true,
});
const moves = (at: number, from: string, to: string) => event(at, 'transition', from, to);

const known = (events: ServiceEvent[], more: Partial<Known> = {}): Known => ({ events, from: -Infinity, end: null, enabled: [], gaps: [], steps: [], ...more });
const view = { from: 1_000, to: 9_000 };
const short = (list: Band[]) => list.map((b) => `${b.kind} ${b.from}-${b.to}`);

describe('bands', () => {
  it('stand exactly where the transitions are', () => {
    const events = [moves(2_000, 'closed', 'open'), moves(4_123, 'open', 'half_open'), moves(6_000, 'half_open', 'closed')];
    const want = ['closed 1000-2000', 'open 2000-4123', 'half_open 4123-6000', 'closed 6000-9000'];
    expect(short(bands(view, known(events)))).toEqual(want);
    expect(short(bands(view, known([...events].reverse())))).toEqual(want);
  });

  it('begin as the last transition before left it', () => {
    expect(short(bands(view, known([moves(500, 'closed', 'open')])))).toEqual(['open 1000-9000']);
  });

  it('begin as the first transition after found it', () => {
    expect(short(bands(view, known([moves(9_500, 'half_open', 'closed')], { end: { state: 'closed', mode: 'auto' } })))).toEqual(['half_open 1000-9000']);
  });

  it('are what the circuit is now where nothing has ever happened', () => {
    expect(short(bands(view, known([], { end: { state: 'closed', mode: 'auto' } })))).toEqual(['closed 1000-9000']);
    expect(bands(view, known([]))).toEqual([]);
  });

  it('show an override over the state, until its end', () => {
    const events = [event(2_000, 'override', 'auto', 'forced_open'), event(5_000, 'override_expired', 'forced_open', 'auto'), moves(5_000, 'closed', 'half_open')];
    expect(short(bands(view, known(events)))).toEqual(['closed 1000-2000', 'forced_open 2000-5000', 'half_open 5000-9000']);
  });

  it('know an override that was set before and ends within', () => {
    const events = [event(5_000, 'override', 'forced_closed', 'auto')];
    expect(short(bands(view, known(events, { end: { state: 'closed', mode: 'auto' } })))).toEqual(['forced_closed 1000-5000', 'closed 5000-9000']);
  });

  it('show a breaker that the config turned off', () => {
    const enabled = [{ at: 3_000, enabled: false }, { at: 4_000, enabled: true }];
    expect(short(bands(view, known([], { enabled, end: { state: 'closed', mode: 'auto' } })))).toEqual(['closed 1000-3000', 'disabled 3000-4000', 'closed 4000-9000']);
  });

  it('show where no manager ran, over all', () => {
    const list = bands(view, known([moves(2_000, 'closed', 'open')], { gaps: [{ from: 3_000, to: 4_000 }] }));
    expect(short(list)).toEqual(['closed 1000-2000', 'open 2000-3000', 'gap 3000-4000', 'open 4000-9000']);
  });

  it('change at the end of a gap when the manager came back with another state', () => {
    const events = [moves(2_000, 'closed', 'open'), moves(6_000, 'half_open', 'closed')];
    const list = bands(view, known(events, { gaps: [{ from: 3_000, to: 4_000 }] }));
    expect(short(list)).toEqual(['closed 1000-2000', 'open 2000-3000', 'gap 3000-4000', 'half_open 4000-6000', 'closed 6000-9000']);
  });

  it('go by the series where the events do not reach back', () => {
    const steps = [{ at: 1_000, standing: 'closed' as const }, { at: 2_000, standing: 'open' as const }, { at: 3_000, standing: 'open' as const }];
    const list = bands(view, known([moves(5_000, 'open', 'half_open')], { from: 5_000, steps }));
    expect(short(list)).toEqual(['closed 1000-2000', 'open 2000-5000', 'half_open 5000-9000']);
  });

  it('say nothing of the time before the service was there', () => {
    expect(short(bands(view, known([], { from: 4_000, end: { state: 'closed', mode: 'auto' } })))).toEqual(['closed 4000-9000']);
  });

  it('can be summed by kind', () => {
    expect(lasting([{ from: 0, to: 5, kind: 'open' }, { from: 5, to: 9, kind: 'closed' }, { from: 9, to: 10, kind: 'open' }], 'open')).toBe(6);
  });
});
