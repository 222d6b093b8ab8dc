// An agent: it makes breakers members of the fleet of a Switchgear manager. The
// breakers decide by themselves; nothing here is waited for. docs/protocol.md,
// section "Agents", says what goes over the wire.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import WebSocket from "ws";

const firstWait = 100;
const longWait = 30_000;
const maxUntold = 1024; // transitions of a breaker; above it the oldest go
const page = 100; // services in a message
const transitionsPage = 256;

export class Agent {
  #identity = {
    type: "agent:hello",
    instance: randomBytes(16).toString("hex"),
    boot: randomBytes(16).toString("hex"),
    name: hostname().slice(0, 128),
    started_at: new Date(),
  };
  #members = new Map();
  #wait = firstWait;
  #longest = longWait;
  #closed = false;
  #socket = null; // that is open, after the welcome
  #id = 0;
  #unacked = []; // { id, member, number }
  #lastAnswer = 0;

  // log is called with a line; url is http or https.
  constructor(url, token, breakers, { program = "node", log = console.error } = {}) {
    this.url = `${url.replace(/^http/, "ws").replace(/\/$/, "")}/api/v2/ws/agent`;
    this.token = token;
    this.log = log;
    this.#identity.program = program;
    this.#identity.library = "switchgear-node-example";
    for (const breaker of breakers) {
      const member = { breaker, code: { ...breaker.config }, version: 0, error: "", queue: [], given: null, met: false, joined: false, sent: 0, seen: null };
      breaker.onTransition = (transition) => {
        if (member.queue.length === maxUntold) member.queue.shift();
        member.queue.push(transition);
        this.#tell(member);
      };
      this.#members.set(breaker.name, member);
    }
    this.#connect();
  }

  // close tells the manager that the process ends, so that its silence is no alarm.
  close() {
    this.#closed = true;
    this.#send({ type: "agent:bye" });
    this.#socket?.close(1000);
  }

  #connect() {
    let refused = false;
    let timers = [];
    const socket = new WebSocket(this.url, {
      headers: { authorization: `Bearer ${this.token}` },
      handshakeTimeout: 10_000,
      maxPayload: 64 << 20,
    });
    socket.on("unexpected-response", (_request, response) => {
      refused = [400, 401, 403, 404].includes(response.statusCode);
      this.log(`the manager answers ${response.statusCode}`);
      socket.terminate();
    });
    socket.on("error", (error) => this.log(`the manager: ${error.message}`));
    socket.on("open", () => socket.send(JSON.stringify(this.#identity)));
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      this.#lastAnswer = performance.now();
      if (message.type !== "agent:welcome") return this.#take(message);
      this.#socket = socket;
      this.#longest = message.reconnect_ms ?? longWait;
      this.#unacked = [];
      this.#id = 0;
      for (const member of this.#members.values()) Object.assign(member, { joined: false, seen: null });
      timers = [setInterval(() => this.#report(), message.report_ms), setInterval(() => this.#beat(socket, message.heartbeat_ms), message.heartbeat_ms)];
      this.#join();
    });
    const began = performance.now();
    socket.on("close", (code) => {
      timers.forEach(clearInterval);
      this.#socket = null;
      for (const member of this.#members.values()) member.breaker.follow("auto"); // nobody is there to end a wait
      if (this.#closed) return;
      refused ||= [1008, 4001, 4003, 4004, 4090].includes(code);
      if (performance.now() - began > this.#longest) this.#wait = firstWait;
      const wait = refused ? longWait : Math.random() * Math.min(this.#wait, this.#longest); // full jitter
      this.#wait = Math.min(2 * this.#wait, this.#longest);
      setTimeout(() => this.#closed || this.#connect(), wait);
    });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  // beat says that this instance lives, tells again what was not acknowledged for
  // a while, and gives up a manager that has said nothing for three heartbeats.
  #beat(socket, interval) {
    if (performance.now() - this.#lastAnswer > 3 * interval) return socket.terminate();
    this.#send({ type: "agent:heartbeat" });
    if (this.#unacked.length === 0 || performance.now() - this.#unacked[0].at < interval) return;
    for (const { member } of this.#unacked.splice(0)) {
      if (member.queue.length > 0) member.sent = Math.min(member.sent, member.queue[0].number - 1);
    }
    for (const member of this.#members.values()) this.#tell(member);
  }

  #pages(items, make) {
    for (let i = 0; i < items.length; i += page) this.#send(make(items.slice(i, i + page)));
  }

  #join() {
    const services = [...this.#members.values()].map((member) => ({
      service: member.breaker.name,
      layer: "",
      description: "",
      dependencies: [],
      config: member.code,
      has_check: false,
      fresh: !member.met && member.breaker.transitions === 0,
      state: stateOf(member),
    }));
    this.#pages(services, (services) => ({ type: "agent:join", id: ++this.#id, services }));
  }

  #take(message) {
    switch (message.type) {
      case "agent:joined":
        return message.services.forEach((answer) => this.#joined(answer, message.timestamp));
      case "agent:ack":
        return this.#acknowledged(message.id);
      case "agent:order":
        return this.#obey(message);
      case "error":
        return this.log(`the manager did not take a message: ${message.code} ${message.message}`);
    }
  }

  #joined(answer, now) {
    const member = this.#members.get(answer.service);
    if (answer.error) return this.log(`the manager does not take ${answer.service}: ${answer.error.message}`);
    try {
      this.#configure(member, answer.config, answer.config_version);
    } catch {
      // which the reports say
    }
    if (answer.state && !member.met) member.breaker.adopt(answer.state);
    member.met = member.joined = true;
    if (answer.override && !isDeepStrictEqual(answer.override, member.given)) this.#force(member, answer.override, now);
    if (answer.fleet && member.breaker.mode === "auto") member.breaker.follow(answer.fleet, { actor: "fleet" });
    if (!answer.override && member.given && member.breaker.override === member.given) member.breaker.endOverride({});
    this.#known(member, answer.known);
    member.sent = answer.known;
    this.#tell(member);
  }

  #known(member, number) {
    while (member.queue.length > 0 && member.queue[0].number <= number) member.queue.shift();
  }

  // An acknowledgement is of all that was sent before, too.
  #acknowledged(id) {
    while (this.#unacked.length > 0 && this.#unacked[0].id <= id) {
      const { member, number } = this.#unacked.shift();
      this.#known(member, number);
    }
  }

  // tell sends the transitions that were not sent in this connection; those of a
  // message rise by one.
  #tell(member) {
    while (this.#socket && member.joined) {
      const rest = member.queue.filter((t) => t.number > member.sent).slice(0, transitionsPage);
      if (rest.length === 0) return;
      const transitions = rest.filter((t, i) => t.number === rest[0].number + i);
      const id = ++this.#id;
      member.sent = transitions.at(-1).number;
      this.#unacked.push({ id, member, number: member.sent, at: performance.now() });
      this.#send({ type: "agent:transitions", id, service: member.breaker.name, transitions, state: stateOf(member) });
    }
  }

  // report sends the services that have changed.
  #report() {
    const services = [];
    for (const member of this.#members.values()) {
      const state = stateOf(member);
      const { retry_after_ms: _, ...seen } = state; // which always changes
      if (!member.joined || isDeepStrictEqual(seen, member.seen)) continue;
      member.seen = seen;
      services.push(state);
    }
    this.#pages(services, (services) => ({ type: "agent:report", id: ++this.#id, services }));
  }

  #configure(member, config, version) {
    try {
      member.breaker.configure(config);
      member.breaker.configVersion = member.version = version;
      member.error = "";
    } catch (error) {
      member.error = `version ${version}: ${error.message}`;
      throw error;
    }
  }

  // An override ends so long from now as the manager's own clock says.
  #force(member, override, now) {
    member.given = override;
    member.breaker.force(override, new Date(override.expires_at) - new Date(now));
  }

  #obey(order) {
    const member = this.#members.get(order.service);
    const result = { type: "agent:result", order: order.order, service: order.service };
    try {
      if (!member) throw Object.assign(new Error("this program has no such service"), { code: 4040 });
      const by = { actor: order.actor, reason: order.reason };
      switch (order.kind) {
        case "config":
          if (order.config_version > member.version) this.#configure(member, order.config, order.config_version);
          break;
        case "override":
          this.#force(member, order.override, order.timestamp);
          break;
        case "override_end":
          member.breaker.endOverride(by);
          break;
        case "reset":
          member.breaker.reset(order.to, by);
          break;
        case "fleet":
          member.breaker.follow(order.to, by);
          break;
        default:
          throw Object.assign(new Error(`${order.kind} is no order that this program knows`), { code: 4004 });
      }
    } catch (error) {
      result.error = { code: error.code ?? 5000, message: error.message, errors: error.errors };
    }
    this.#send({ ...result, state: member ? stateOf(member) : { service: order.service } });
  }
}

// stateOf is how a breaker is, as the wire has it.
function stateOf({ breaker: b, version, error }) {
  return {
    service: b.name,
    config_version: version,
    config_error: error || undefined,
    running: true,
    circuit_breaker: {
      state: b.state,
      mode: b.mode,
      is_open: b.isOpen,
      failures: b.failures,
      consecutive_failures: b.consecutive,
      last_error: b.lastError,
      last_failure: b.lastFailure,
      last_success: b.lastSuccess,
      recovery_attempts: b.attempts,
      last_reset: b.lastReset,
      opened_at: b.openedAt,
      next_attempt_at: null, // retry_after_ms says it
      admitted_share: b.isOpen || (b.mode === "auto" && b.state === "half_open") ? 0 : 1,
      transitions: b.transitions,
      trip: b.trip,
      outage: null,
      override: b.override,
    },
    successes: b.successes,
    retry_after_ms: b.retryAfterMs,
    open_ms: b.state === "open" ? b.config.resetTimeoutMs : 0,
    failed_recoveries: b.failedRecoveries,
    operations: { total: b.successful + b.failed, successful: b.successful, failed: b.failed, rejected: b.rejected, ignored: 0 },
    performance: {},
    health: { healthy: null },
  };
}
