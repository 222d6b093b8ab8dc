import type { FieldMessage, Role } from '../../wire';

export interface Form {
  name: string;
  role: Role;
  /** Patterns, parted by commas, spaces or lines; none are all services. */
  services: string;
  /** A name of `ends`, or 'at' with `endsAt`. */
  ends: string;
  endsAt: number | null;
}

const day = 86_400_000;

export const ends: { name: string; words: string; ms: number | null }[] = [
  { name: '1d', words: 'in a day', ms: day },
  { name: '30d', words: 'in 30 days', ms: 30 * day },
  { name: '90d', words: 'in 90 days', ms: 90 * day },
  { name: '365d', words: 'in a year', ms: 365 * day },
  { name: 'never', words: 'never', ms: null },
];

export const roleWords: Record<Role, string> = {
  viewer: 'sees everything, changes nothing',
  operator: 'sees, checks, resets and overrides',
  admin: 'may do everything, also make tokens',
  agent: 'only reports operations: for programs',
};

export const patterns = (text: string): string[] => [...new Set(text.split(/[\s,]+/).filter((pattern) => pattern !== ''))];

/** Whether a pattern, in which `*` stands for any run of characters, is of a service. */
export function matches(pattern: string, service: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === service;
  const [first, last] = [parts[0]!, parts.at(-1)!];
  if (!service.startsWith(first) || !service.endsWith(last) || service.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = service.indexOf(part, at);
    if (found < 0 || found + part.length > service.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}

const taken = ['file', 'code', 'switchgear', 'environment', 'unknown'];

/** What can be told to be wrong before the manager is asked; it has the last word. */
export function wrongs(form: Form, now: number): FieldMessage[] {
  const bad: FieldMessage[] = [];
  const name = form.name.trim();
  if (name === '') bad.push({ field: 'name', message: 'Say whose it is: the name stands in the audit log.' });
  else if ([...name].length > 128) bad.push({ field: 'name', message: 'At most 128 characters.' });
  else if (taken.includes(name)) bad.push({ field: 'name', message: 'This name has a meaning of its own; take another.' });
  if (patterns(form.services).length > 100) bad.push({ field: 'services', message: 'At most 100 patterns.' });
  if (form.ends === 'at' && form.endsAt === null) bad.push({ field: 'expires_at', message: 'Say when.' });
  if (form.ends === 'at' && form.endsAt !== null && form.endsAt <= now) bad.push({ field: 'expires_at', message: 'That is past.' });
  return bad;
}

/** What is sent. */
export function request(form: Form, now: number): { name: string; role: Role; services?: string[]; expires_at?: string } {
  const services = patterns(form.services);
  const ms = ends.find((end) => end.name === form.ends)?.ms ?? null;
  const at = form.ends === 'at' ? form.endsAt : ms === null ? null : now + ms;
  return {
    name: form.name.trim(), role: form.role,
    ...(services.length > 0 ? { services } : {}),
    ...(at === null ? {} : { expires_at: new Date(at).toISOString() }),
  };
}
