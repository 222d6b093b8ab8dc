import { describe, expect, it, vi } from 'vitest';

vi.stubGlobal('location', new URL('http://localhost/'));
const told = vi.hoisted(() => [] as string[]);
vi.mock('./parts/notice', () => ({ tell: (_: string, text: string) => told.push(text) }));
// The book without its stream, which shows at once what it is given.
vi.mock('./live/live', async () => {
  const { AlertBook } = await import('./live/alerts');
  return { alerts: new AlertBook(() => new Promise(() => undefined), (flush) => flush()), session: { peek: () => ({ name: 'ana' }) } };
});

import { acknowledge, takeBack } from './acknowledge';
import { incidentsOf } from './live/incidents';
import { alerts } from './live/live';
import type { Alert } from './wire';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 23, 12, minute)).toISOString();

const alertOf = (id: string, by: string | null = null): Alert => ({
  id, incident: '1', kind: 'circuit_state_change', service: `s${id}`, status: 'firing', severity: 'critical', summary: '', starts_at: at(Number(id)), ends_at: null,
  updated_at: at(Number(id)), root: 's1', affects: [], evidence: null, silenced_by: [], acknowledged_by: by, acknowledged_at: by === null ? null : at(20), url: '',
});

/** Has these fire, and answers each order by saying so of its alert, or refuses it; returns what was ordered. */
function firing(list: Alert[], answer: Partial<Alert> | null): string[] {
  const asked: string[] = [];
  told.length = 0;
  alerts.clear();
  for (const alert of list) alerts.put(alert);
  vi.stubGlobal('fetch', (url: URL, { method, body }: RequestInit) => {
    asked.push(`${method} ${url.pathname}${typeof body === 'string' ? ` ${body}` : ''}`);
    if (answer === null) return Promise.resolve(new Response(JSON.stringify({ status: 404, title: 'Not Found', detail: 'no alert of that ID fires' }), { status: 404 }));
    const id = decodeURIComponent(url.pathname.split('/').at(-2)!);
    return Promise.resolve(Response.json({ ...list.find((alert) => alert.id === id), ...answer }));
  });
  return asked;
}

/** Who has acknowledged what fires, the oldest first. */
const seen = () => alerts.firing.value.toReversed().map((alert) => alert.acknowledged_by);
const incident = () => incidentsOf(alerts.firing.value)[0]!;

describe('an order of what somebody has seen', () => {
  it('acknowledges what is new, and leaves who saw the rest', async () => {
    const asked = firing([alertOf('1', 'ben'), alertOf('2'), alertOf('3'), alertOf('4', 'ben')], { acknowledged_by: 'ana', acknowledged_at: at(30) });
    await acknowledge(incident(), 'mine');
    expect(asked).toEqual(['POST /api/v2/alerts/3/acknowledge {"reason":"mine"}']);
    expect(seen()).toEqual(['ben', 'ana', 'ana', 'ben']);
    expect(incident()).toMatchObject({ loud: false, unseen: 0, seen: { by: 'ana', at: at(30) } });
    expect(told).toEqual([expect.stringContaining('You acknowledged')]);
  });

  it('says who was first', async () => {
    firing([alertOf('1')], { acknowledged_by: 'ben', acknowledged_at: at(30) });
    await acknowledge(incident());
    expect([seen(), told]).toEqual([['ben'], [expect.stringMatching(/^\u2068ben\u2069 was first/)]]);
  });

  it('takes back all that was acknowledged of it, so that it is unseen again', async () => {
    const asked = firing([alertOf('1', 'ben'), alertOf('2', 'ana'), alertOf('3')], { acknowledged_by: null, acknowledged_at: null });
    await takeBack(incident());
    expect(asked).toEqual(['DELETE /api/v2/alerts/2/acknowledge']);
    expect(seen()).toEqual([null, null, null]);
    expect(incident()).toMatchObject({ loud: true, unseen: 3, seen: null });
  });

  it('changes nothing where it is refused', async () => {
    firing([alertOf('1', 'ben')], null);
    await expect(takeBack(incident())).rejects.toThrow('no alert of that ID fires');
    expect([seen(), told]).toEqual([['ben'], []]);
  });
});
