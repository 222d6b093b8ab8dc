import { causes, dependants, failing } from '../../graph';
import { StatusBadge } from '../../parts/badge';
import { serviceURL } from '../../route';
import { worstFirst } from '../../words';
import type { Entry } from '../../wire';
import type { Group, Scene } from './scene';

/** The map in words: what each needs, who needs it, and because of what it fails. */
export function MapList({ scene, entries, roots }: { scene: Scene; entries: ReadonlyMap<string, Entry>; roots: ReadonlySet<string> }) {
  const above = dependants(entries);
  const shown = scene.items
    .map((item) => entries.get(item.id))
    .filter((entry) => entry !== undefined)
    .sort((a, b) => worstFirst.indexOf(a.status) - worstFirst.indexOf(b.status) || (a.service < b.service ? -1 : 1));
  return (
    <div class="scroll-x card">
      <table class="map-list">
        <thead><tr><th>Service</th><th>Status</th><th>Layer</th><th>Because of</th><th>Needs</th><th>Is needed by</th></tr></thead>
        <tbody>
          {shown.map((entry) => (
            <tr key={entry.service}>
              <td><a href={serviceURL(entry.service)}>{entry.service}</a></td>
              <td><StatusBadge status={entry.status} /></td>
              <td data-name="Layer">{entry.layer}</td>
              <td data-name="Because of"><Names names={failing(entry) || entry.status === 'degraded' ? causes(entry.service, entries, roots) : []} own={entry.service} /></td>
              <td data-name="Needs"><Names names={entry.dependencies} /></td>
              <td data-name="Is needed by"><Names names={above.get(entry.service) ?? []} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Names({ names, own }: { names: readonly string[]; own?: string }) {
  if (names.length === 0) return <span class="muted">–</span>;
  return (
    <span class="map-names">
      {names.slice(0, 12).map((name) => (name === own ? <b key={name}>itself</b> : <a key={name} href={serviceURL(name)}>{name}</a>))}
      {names.length > 12 && <span class="muted">and {names.length - 12} more</span>}
    </span>
  );
}

export function LayerList({ groups, href }: { groups: Group[]; href: (layer: string) => string }) {
  return (
    <div class="scroll-x card">
      <table class="map-list">
        <thead><tr><th>Layer</th><th>Worst</th><th class="number">Services</th><th class="number">Fail</th><th>Needs</th></tr></thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.layer}>
              <td><a href={href(group.layer)}>{group.layer || 'no layer'}</a></td>
              <td><StatusBadge status={group.worst} /></td>
              <td class="number" data-name="Services">{group.services}</td>
              <td class="number" data-name="Fail">{group.failing}</td>
              <td data-name="Needs">{group.needs.map((name) => name || 'no layer').join(', ') || '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
