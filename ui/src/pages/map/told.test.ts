import { expect, it } from 'vitest';

import type { Entry, Status } from '../../wire';
import type { Wrong } from '../board/wrong';
import { told } from './told';

const entry = (service: string, dependencies: string[], status: Status) => ({ service, dependencies, status }) as unknown as Entry;
const fleet = new Map([
  entry('db', [], 'circuit_open'), entry('pool', [], 'unhealthy'), entry('api', ['db'], 'degraded'), entry('web', ['api', 'pool'], 'healthy'), entry('mail', [], 'healthy'),
].map((e) => [e.service, e]));
const wrong = (service: string, drags: string[]): [string, Wrong] => [service, { service, drags, kind: 'failing', dependents: drags.length }];
const roots = new Map([wrong('db', ['api']), wrong('pool', [])]);

it.each<[string, boolean, string]>([
  ['db', false, 'A failure begins here and drags down 1. Needs nothing.'],
  ['pool', false, 'A failure begins here. Needs nothing.'],
  ['api', true, 'Suffers from db, which fails. Needs one service.'],
  ['web', true, 'Depends on pool and db, which fail, and is not worse for it yet. Needs 2 services.'],
  ['mail', false, 'Needs nothing.'],
])('says of %s what a failure means for it', (service, reached, want) => expect(told(fleet.get(service)!, fleet, roots, reached)).toBe(want));
