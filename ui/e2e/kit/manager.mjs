// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const binary = process.env['SWITCHGEAR_BINARY'];
const patience = 20_000; // milliseconds for a start or an end

/** @typedef {Record<string, unknown>} Section A section of the config file. */

/**
 * @typedef {object} Setting
 * @property {Record<string, Section>} [services]
 * @property {Section} [defaults]
 * @property {Record<string, unknown>} [server] what the file says of the server, beside where it listens
 * @property {Section} [alerts]
 */

/** A real manager: the program that was built, on a directory of its own. */
export class Manager {
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null;
  #said = '';
  #port = 0;
  /** The administrator's token. */
  token = '';
  /** The link that its first start printed. */
  link = '';

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * Starts one, which is gone when the test is.
   * @param {{ after: (fn: () => Promise<void>) => void }} t
   * @param {Setting} [setting]
   */
  static async start(t, setting = {}) {
    const manager = new Manager(await mkdtemp(join(tmpdir(), 'switchgear-e2e-')));
    t.after(async () => {
      await manager.kill();
      await rm(manager.folder, { recursive: true, force: true });
    });
    await manager.configure(setting);
    await manager.start();
    return manager;
  }

  /**
   * Writes the config file; JSON is YAML.
   * @param {Setting} setting
   */
  async configure({ services = {}, defaults = {}, server = {}, alerts = {} }) {
    await writeFile(join(this.folder, 'switchgear.yaml'), JSON.stringify({ server, defaults, services, alerts }));
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port() {
    return this.#port;
  }

  /** Starts it; again at the port that it had. */
  async start() {
    if (!binary) throw new Error('SWITCHGEAR_BINARY is not set: run scripts/ui.sh e2e');
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SWITCHGEAR_')));
    const data = join(this.folder, 'data');
    const child = spawn(binary, ['serve', '--listen', `127.0.0.1:${this.#port}`, '--data', data, '--config', join(this.folder, 'switchgear.yaml')], {
      env, stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#said = '';
    child.stderr.on('data', (chunk) => (this.#said += chunk));
    const listening = new Promise((found, failed) => {
      createInterface(child.stdout).on('line', (line) => {
        const port = /^listening on http:\/\/127\.0\.0\.1:(\d+)$/.exec(line)?.[1];
        if (port) found(Number(port));
      });
      child.once('exit', (code) => failed(new Error(`the manager ended with ${code}:\n${this.#said}`)));
    });
    this.#port = await within(patience, listening, () => `the manager does not listen:\n${this.#said}`);
    this.link ||= /http:\/\/\S+#login=\S+/.exec(this.#said)?.[0] ?? '';
    this.token ||= (await readFile(join(data, 'admin-token'), 'utf8')).trim();
  }

  /** Ends it as a power cut would. */
  async kill() {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await within(patience, gone, () => 'the manager cannot be killed');
  }

  /**
   * Asks the manager as another program would, with a token.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<any>} the answer; an error that says what was answered where it is none of success
   */
  async api(method, path, body, headers = {}) {
    const response = await fetch(`${this.url}/api/v2${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /**
   * Reports operations of a service, as a program in any language does.
   * @param {string} service
   * @param {number} succeeded
   * @param {number} [failed]
   * @param {string} [error]
   */
  report(service, succeeded, failed = 0, error = 'connection refused') {
    /** @type {object[]} */
    const outcomes = Array.from({ length: succeeded }, (_, i) => ({ outcome: 'success', duration_ms: 8 + (i % 7) }));
    for (let i = 0; i < failed; i++) outcomes.push({ outcome: 'failure', duration_ms: 30, error });
    return this.api('POST', `/services/${service}/operations`, { outcomes });
  }
}

/**
 * The result of work, or an error after some milliseconds.
 * @template T
 * @param {number} ms
 * @param {Promise<T>} work
 * @param {() => string} late
 * @returns {Promise<T>}
 */
export async function within(ms, work, late) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const over = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(late())), ms);
  });
  try {
    return /** @type {T} */ (await Promise.race([work, over]));
  } finally {
    clearTimeout(timer);
  }
}
