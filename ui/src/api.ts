import type {
  Alert, AuditEntry, Config, ConfigInForce, ConfigVersion, Entry, FieldMessage, HealthCheckResult, Instance, Matcher, Mode, Moment,
  NewToken, Problem, Receiver, ResetResult, Role, Series, SeriesOfMany, ServerInfo, ServiceEvent, Session, Silence, Token,
} from './wire';

/** What the manager answered instead of what was asked for. */
export class ApiError extends Error {
  readonly status: number;
  readonly fields: FieldMessage[];
  readonly requestId: string;

  constructor(problem: Pick<Problem, 'status' | 'title' | 'detail'> & Partial<Problem>) {
    super(problem.detail || problem.title);
    this.status = problem.status;
    this.fields = problem.errors ?? [];
    this.requestId = problem.request_id ?? '';
  }
}

const root = '/api/v2';
const patience = 10_000; // milliseconds for an answer

type Query = Record<string, string | number | undefined>;

interface Call {
  method?: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  query?: Query | undefined;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** How long to wait for the answer, in milliseconds, where that is not as usual. */
  wait?: number;
}

async function call<T>(path: string, { method = 'GET', query = {}, body, headers = {}, signal, wait = patience }: Call = {}): Promise<T> {
  const url = new URL(root + path, location.origin);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(key, String(value));
  }
  const deadline = AbortSignal.timeout(wait);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      credentials: 'same-origin',
      headers: {
        'Switchgear-Client': 'dashboard', // no page of another origin can send it unasked
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new ApiError({ status: 0, title: '', detail: deadline.aborted ? 'the manager did not answer in time' : 'the manager cannot be reached' });
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  try {
    throw new ApiError(JSON.parse(text) as Problem);
  } catch (err) {
    if (err instanceof ApiError) throw err;
    throw new ApiError({ status: response.status, title: response.statusText, detail: '' });
  }
}

const of = (service: string, below = '') => `/services/${encodeURIComponent(service)}${below}`;

/** A key under which an order is carried out once, however often it is sent. */
const once = () => ({ 'Idempotency-Key': crypto.getRandomValues(new Uint32Array(4)).join('-') });

export interface EventQuery {
  service?: string;
  /** One, or several with commas between. */
  kind?: string;
  since?: Moment;
  until?: Moment;
  limit?: number;
  cursor?: string;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export const api = {
  session: async () => {
    const who = await call<Session | undefined>('/session');
    if (who === undefined) throw new ApiError({ status: 401, title: 'Unauthorized', detail: 'nobody has logged in' });
    return who;
  },
  logIn: (secret: { token: string } | { code: string }) => call<Session>('/session', { method: 'POST', body: secret }),
  logOut: () => call<void>('/session', { method: 'DELETE' }),

  server: () => call<ServerInfo>('/server'),
  stateAt: (at: Moment, signal?: AbortSignal) => call<{ at: Moment; services: Entry[] }>('/state', { query: { at }, signal }),
  series: (service: string, query: { from?: Moment; to?: Moment; step?: string }, signal?: AbortSignal) =>
    call<Series>(of(service, '/series'), { query, signal }),
  seriesOf: (services: string[], query: { from?: Moment; to?: Moment; step?: string }, signal?: AbortSignal) =>
    call<SeriesOfMany>('/series', { query: { services: services.join(','), ...query }, signal }),

  async events(query: EventQuery, signal?: AbortSignal): Promise<Page<ServiceEvent>> {
    const page = await call<{ events: ServiceEvent[]; next_cursor: string | null }>('/events', { query: { ...query }, signal });
    return { items: page.events, next: page.next_cursor };
  },
  async audit(query: { service?: string; actor?: string; action?: string; since?: Moment; until?: Moment; limit?: number; cursor?: string }): Promise<Page<AuditEntry>> {
    const page = await call<{ audit: AuditEntry[]; next_cursor: string | null }>('/audit', { query });
    return { items: page.audit, next: page.next_cursor };
  },
  async tokens(cursor?: string): Promise<Page<Token>> {
    const page = await call<{ tokens: Token[]; next_cursor: string | null }>('/tokens', { query: { cursor } });
    return { items: page.tokens, next: page.next_cursor };
  },
  createToken: (token: { name: string; role: Role; services?: string[]; expires_at?: Moment }) =>
    call<NewToken>('/tokens', { method: 'POST', body: token, headers: once() }),
  revokeToken: (id: string, reason: string) =>
    call<void>(`/tokens/${encodeURIComponent(id)}`, { method: 'DELETE', query: { reason } }),

  async alerts(query: { status?: 'firing' | 'resolved'; service?: string; limit?: number; cursor?: string | undefined }, signal?: AbortSignal): Promise<Page<Alert>> {
    const page = await call<{ alerts: Alert[]; next_cursor: string | null }>('/alerts', { query: { ...query }, signal });
    return { items: page.alerts, next: page.next_cursor };
  },
  acknowledge: (alert: string, reason: string) =>
    call<Alert>(`/alerts/${encodeURIComponent(alert)}/acknowledge`, { method: 'POST', body: reason === '' ? {} : { reason }, headers: once() }),
  /** Gives back that somebody has seen it: it is told again. */
  takeBack: (alert: string) => call<Alert>(`/alerts/${encodeURIComponent(alert)}/acknowledge`, { method: 'DELETE' }),
  silences: async (signal?: AbortSignal) => (await call<{ silences: Silence[] }>('/silences', { signal })).silences,
  silence: (silence: { matchers: Matcher[]; reason: string; starts_at?: Moment; ends_at: Moment }) =>
    call<Silence>('/silences', { method: 'POST', body: silence, headers: once() }),
  endSilence: (id: string) => call<void>(`/silences/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  receivers: async (signal?: AbortSignal) => (await call<{ receivers: Receiver[] }>('/receivers', { signal })).receivers,
  /** It is answered when the receiver has answered. */
  testReceiver: (name: string) =>
    call<void>(`/receivers/${encodeURIComponent(name)}/test`, { method: 'POST', headers: once(), wait: 60_000 }),

  check: (service: string) => call<HealthCheckResult>(of(service, '/health-check'), { method: 'POST', headers: once() }),
  reset: (service: string, reason: string, to: 'closed' | 'half_open') =>
    call<ResetResult>(of(service, '/reset'), { method: 'POST', body: { reason, to }, headers: once() }),
  override: (service: string, mode: Mode, reason: string, ttlMs: number) =>
    call<Entry>(of(service, '/override'), { method: 'PUT', body: { mode, reason, ttl_ms: ttlMs } }),
  endOverride: (service: string, reason: string) => call<Entry>(of(service, '/override'), { method: 'DELETE', query: { reason } }),

  instances: async (service: string, signal?: AbortSignal) =>
    (await call<{ instances: Instance[] }>(of(service, '/instances'), { signal })).instances,

  config: (service: string) => call<ConfigInForce>(of(service, '/config')),
  /** What a config would be and what is to be said of it, without putting it in force. */
  tryConfig: (service: string, version: number, config: Config) =>
    call<ConfigInForce>(of(service, '/config'), {
      method: 'PUT', body: { config, reason: 'a try' }, query: { dry_run: 'true' }, headers: { 'If-Match': `"${version}"` },
    }),
  setConfig: (service: string, version: number, config: Config, reason: string) =>
    call<ConfigInForce>(of(service, '/config'), { method: 'PUT', body: { config, reason }, headers: { 'If-Match': `"${version}"` } }),
  rollBack: (service: string, version: number, reason: string) =>
    call<ConfigInForce>(of(service, '/config/rollback'), { method: 'POST', body: { version, reason }, headers: once() }),
  async versions(service: string, cursor?: string): Promise<Page<ConfigVersion>> {
    const page = await call<{ versions: ConfigVersion[]; next_cursor: string | null }>(of(service, '/config/versions'), { query: { cursor } });
    return { items: page.versions, next: page.next_cursor };
  },
};
