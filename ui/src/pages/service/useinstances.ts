import { effect } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

import { api } from '../../api';
import { board } from '../../live/live';
import type { Entry } from '../../wire';
import { Instances } from './instances';

/** The instances of a service, for as long as the component that asks is drawn. */
export function useInstances(service: string): Instances {
  const data = useMemo(
    () => new Instances((signal) => api.instances(service, signal), () => board.now(), () => document.visibilityState === 'visible'),
    [service],
  );
  useEffect(() => {
    let last: Entry | undefined;
    data.changed();
    const stops = [
      effect(() => {
        board.version.value;
        const entry = board.entries.get(service);
        if (entry === last) return;
        const first = last === undefined;
        last = entry;
        if (!first) data.changed();
      }),
      effect(() => {
        board.heardAt.value; // a heartbeat at least
        if (board.connection.value === 'live') data.refresh();
      }),
    ];
    const seen = () => data.next();
    document.addEventListener('visibilitychange', seen);
    return () => {
      document.removeEventListener('visibilitychange', seen);
      stops.forEach((stop) => stop());
      data.stop();
    };
  }, [data]);
  return data;
}
