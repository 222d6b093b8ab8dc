import { api } from './api';
import type { Incident } from './live/incidents';
import { alerts, session } from './live/live';
import { tell } from './parts/notice';
import { isolated } from './parts/outside';
import type { Alert } from './wire';

const newest = (list: readonly Alert[]): Alert => list.reduce((a, b) => (b.id > a.id ? b : a));

/** Takes for all of an incident what was answered of one alert; the stream tells it for each. */
function put(list: readonly Alert[], { acknowledged_by, acknowledged_at }: Alert): void {
  for (const alert of list) alerts.put({ ...alert, acknowledged_by, acknowledged_at });
}

/** Acknowledges what nobody has acknowledged of an incident, for all who look, and says so. */
export async function acknowledge({ root, alerts: firing }: Incident, reason = ''): Promise<void> {
  const open = firing.filter((alert) => alert.acknowledged_by === null);
  const answer = await api.acknowledge(newest(open.length > 0 ? open : firing).id, reason);
  put(open, answer);
  const by = answer.acknowledged_by;
  if (by === null || by === session.peek()?.name) tell('good', `You acknowledged the alerts of ${isolated(root)}: they are not told again, unless it gets worse.`);
  else tell('good', `${isolated(by)} was first, and has acknowledged the alerts of ${isolated(root)}.`);
}

/** Takes back that anybody has acknowledged of an incident, for all who look, and says so. */
export async function takeBack({ root, alerts: firing }: Incident): Promise<void> {
  const seen = firing.filter((alert) => alert.acknowledged_by !== null);
  put(seen, await api.takeBack(newest(seen).id));
  tell('good', `Nobody looks after the alerts of ${isolated(root)} now: they are told again until somebody does.`);
}
