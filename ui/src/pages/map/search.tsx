import { useState } from 'preact/hooks';

import { useKeys } from '../../keys';
import { Shape } from '../../parts/badge';
import { statusWords } from '../../words';
import type { Entry } from '../../wire';
import { find } from './scene';

/** Finds a service by its name; Enter takes the one that is marked. */
export function Search({ entries, take }: { entries: () => ReadonlyMap<string, Entry>; take: (service: string) => void }) {
  const [text, setText] = useState('');
  const [marked, setMarked] = useState(0);
  const [open, setOpen] = useState(false);
  const found = open ? find(entries(), text) : [];
  useKeys([{ key: '/', does: 'find a service', run: (event) => {
    event.preventDefault();
    document.getElementById('map-search')?.focus();
  } }]);
  const done = (service: string) => {
    setText('');
    setOpen(false);
    take(service);
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setMarked((n) => Math.max(0, Math.min(found.length - 1, n + (event.key === 'ArrowDown' ? 1 : -1))));
    } else if (event.key === 'Enter' && found[marked]) {
      event.preventDefault();
      done(found[marked].service);
    } else if (event.key === 'Escape') {
      setOpen(false);
      setText('');
    }
  };
  return (
    <div class="map-search">
      <input
        id="map-search" placeholder="Find a service  /" autocomplete="off" spellcheck={false} value={text}
        role="combobox" aria-label="Find a service" aria-expanded={found.length > 0} aria-controls="map-found" aria-autocomplete="list"
        {...(found[marked] ? { 'aria-activedescendant': `map-found-${marked}` } : {})}
        onInput={(event) => { setText(event.currentTarget.value); setMarked(0); setOpen(true); }}
        onKeyDown={key} onBlur={() => setOpen(false)}
      />
      <ul id="map-found" role="listbox" aria-label="Services found" hidden={!open || text.trim() === ''}>
        {found.map((entry, i) => (
          <li
            key={entry.service} id={`map-found-${i}`} role="option" aria-selected={i === marked} class={`is-${entry.status}`}
            onMouseDown={(event) => { event.preventDefault(); done(entry.service); }}
          >
            <Shape status={entry.status} /> <span>{entry.service}</span> <small>{statusWords[entry.status]}</small>
          </li>
        ))}
        {open && text.trim() !== '' && found.length === 0 && <li role="option" aria-selected={false} class="muted">No service of that name</li>}
      </ul>
    </div>
  );
}
