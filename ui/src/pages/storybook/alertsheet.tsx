import { useState } from 'preact/hooks';

import { incidents, may } from '../../live/live';
import { presetsOf } from '../alerts';
import { Acknowledge } from '../alerts/acknowledge';
import { IncidentCard } from '../alerts/incident';
import type { Incident } from '../../live/incidents';
import { Broken, Receivers } from '../alerts/receivers';
import { ResolvedTable } from '../alerts/resolved';
import { MakeSilence, type Preset } from '../alerts/silence';
import { Silences } from '../alerts/silences';
import { madeReceivers, madeResolved, madeSilences } from './madealerts';

const answered = <T,>(value: T) => ({ value, error: '', absent: false, again: () => undefined });

/** All parts of the page of alerts, with what nobody reported. */
export function AlertSheet() {
  const [presets, setPresets] = useState<Preset[] | null>(null);
  const [seen, setSeen] = useState<Incident | null>(null);
  const [silences] = useState(madeSilences);
  const [receivers] = useState(madeReceivers);
  const [resolved] = useState(madeResolved);
  return (
    <div class="page alerts">
      <h1>Alerts</h1>
      <Broken list={receivers} />
      {incidents.value.map((incident, i) => (
        <IncidentCard key={incident.id} incident={incident} silences={silences} meant={i === 1} orders={may('operator') ? { acknowledge: setSeen, silence: (one) => setPresets(presetsOf(one)) } : null} />
      ))}
      <Silences asked={answered(silences)} make={() => setPresets([])} may={may('operator')} />
      <Receivers asked={answered(receivers)} />
      <ResolvedTable list={resolved} />
      {presets && <MakeSilence presets={presets} close={() => setPresets(null)} made={() => setPresets(null)} />}
      {seen && <Acknowledge incident={seen} close={() => setSeen(null)} />}
    </div>
  );
}

/** The same without anything. */
export function QuietSheet() {
  return (
    <div class="page alerts">
      <h1>Alerts</h1>
      <Silences asked={answered([])} make={() => undefined} may={may('operator')} />
      <Silences asked={{ value: null, error: 'the manager did not answer in time', absent: false, again: () => undefined }} make={() => undefined} may={false} />
      <Receivers asked={answered([])} />
      <Receivers asked={{ value: null, error: '', absent: false, again: () => undefined }} />
    </div>
  );
}
