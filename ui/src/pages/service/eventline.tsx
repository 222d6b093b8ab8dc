import { Shape } from '../../parts/badge';
import { When } from '../../parts/moment';
import { Outside } from '../../parts/outside';
import { serviceURL } from '../../route';
import { eventText } from '../../words';
import type { ServiceEvent } from '../../wire';
import { shapeOf } from './lane';

/** An event in one line: when, what, who and why. */
export function EventLine({ event, of }: { event: ServiceEvent; of?: string }) {
  return (
    <p class="svc-event">
      <span class="svc-event-when"><When at={event.at} /></span>
      <Shape status={shapeOf(event)} />
      <span>
        {of !== undefined && of !== event.service && <><a href={serviceURL(event.service)}>{event.service}</a>: </>}
        {eventText(event)}{event.actor && <> by <Outside text={event.actor} /></>}
        {event.reason && <span class="muted">: “<Outside text={event.reason} />”</span>}
        {!event.durable && <span class="muted"> (not stored yet)</span>}
      </span>
    </p>
  );
}
