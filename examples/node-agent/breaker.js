// A simple circuit breaker: so many failures within a window open it, after a
// while one operation may try, and its success closes it. It tells its
// transitions, by number and with why, to onTransition.
import { setTimeout } from "node:timers";

export class Breaker {
  state = "closed";
  override = null; // { mode, reason, actor, expires_at }
  transitions = 0;
  successful = 0;
  failed = 0;
  rejected = 0;
  attempts = 0; // recoveries since it last closed
  failedRecoveries = 0;
  consecutive = 0; // failures in a row
  lastError = null;
  lastFailure = null;
  lastSuccess = null;
  lastReset = null;
  openedAt = null;
  until = 0; // when it goes to half-open, by performance.now
  trip = null;
  held = false; // the fleet rule has it wait
  onTransition = () => {};

  #failures = []; // when, within the window
  #worked = []; // successes of the window, by tenths of it
  #probing = false;
  #timer;
  #overrideTimer;

  constructor(name, config) {
    this.name = name;
    this.config = { failureThreshold: 5, monitoringWindowMs: 300_000, resetTimeoutMs: 60_000, enabled: true, ...config };
  }

  get mode() {
    return this.override?.mode ?? (this.config.enabled ? "auto" : "disabled");
  }

  get isOpen() {
    return this.mode === "forced_open" || (this.mode === "auto" && this.state === "open");
  }

  get failures() {
    const since = performance.now() - this.config.monitoringWindowMs;
    while (this.#failures.length > 0 && this.#failures[0] <= since) this.#failures.shift();
    return this.#failures.length;
  }

  get successes() {
    const since = performance.now() - this.config.monitoringWindowMs;
    while (this.#worked.length > 0 && this.#worked[0].at <= since) this.#worked.shift();
    return this.#worked.reduce((sum, tenth) => sum + tenth.count, 0);
  }

  get retryAfterMs() {
    return this.state === "open" ? Math.max(this.until - performance.now(), 0) : 0;
  }

  // do runs work, unless the circuit is open: then it throws.
  async do(work) {
    const probe = this.mode === "auto" && this.state === "half_open";
    if (this.isOpen || (probe && this.#probing)) {
      this.rejected++;
      throw new Error(`${this.name}: the circuit is open`);
    }
    if (probe) this.#probing = true;
    const began = this.transitions; // what comes after a transition counts no more
    try {
      const result = await work();
      this.successful++;
      this.lastSuccess = new Date();
      if (this.transitions === began) this.#succeeded();
      return result;
    } catch (error) {
      this.failed++;
      this.lastFailure = new Date();
      this.lastError = String(error?.message ?? error).slice(0, 500);
      if (this.transitions === began) this.#failedNow();
      throw error;
    }
  }

  #succeeded() {
    this.consecutive = 0;
    const now = performance.now();
    const last = this.#worked.at(-1);
    if (last && now - last.at < this.config.monitoringWindowMs / 10) last.count++;
    else this.#worked.push({ at: now, count: 1 });
    if (this.mode === "auto" && this.state === "half_open") this.#move("closed", "min_healthy_period");
  }

  #failedNow() {
    this.consecutive++;
    this.#failures.push(performance.now());
    if (this.mode !== "auto") return;
    if (this.state === "half_open") {
      this.failedRecoveries++;
      this.#move("open", "recovery_failure");
    } else if (this.failures >= this.config.failureThreshold) {
      this.#move("open", "failure_threshold");
    }
  }

  #move(to, rule, by = {}) {
    const from = this.state;
    const evidence = {
      rule,
      failures: this.failures,
      successes: this.successes,
      slow: 0,
      consecutive_failures: this.consecutive,
      last_error: this.lastError,
      recovery_attempt: this.attempts,
      config_version: this.configVersion ?? 0,
    };
    clearTimeout(this.#timer);
    this.#probing = false;
    this.state = to;
    if (to !== "open") this.held = false;
    if (to === "open") {
      evidence.open_ms = this.config.resetTimeoutMs;
      this.openedAt = new Date();
      this.trip = { rule, failures: this.failures, successes: this.successes, last_error: this.lastError, event_id: null };
      this.#openFor(this.config.resetTimeoutMs);
    } else if (to === "half_open") {
      this.attempts++;
    } else {
      this.#failures = [];
      this.#worked = [];
      this.consecutive = this.attempts = this.failedRecoveries = 0;
      this.openedAt = this.trip = null;
      this.lastReset = new Date();
    }
    if (from === to) return;
    this.transitions++;
    this.onTransition({ number: this.transitions, from, to, at: new Date(), actor: by.actor ?? "", reason: by.reason ?? "", evidence });
  }

  #openFor(ms) {
    this.until = performance.now() + ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.state === "open" && !this.held && this.#move("half_open", "reset_timeout"), Math.min(ms, 86_400_000)).unref();
  }

  // adopt begins as another instance of the service was, if this one has not
  // moved by itself.
  adopt(was) {
    if (this.transitions > 0 || this.state !== "closed" || this.mode !== "auto") return;
    const circuit = was.circuit_breaker;
    if (circuit.state === "closed") return;
    this.attempts = circuit.recovery_attempts;
    this.failedRecoveries = was.failed_recoveries;
    this.lastError ??= circuit.last_error;
    this.trip = circuit.trip;
    this.openedAt = new Date(circuit.opened_at ?? Date.now());
    this.state = circuit.state;
    if (this.state === "open") this.#openFor(was.retry_after_ms);
  }

  // configure puts a whole config in force, or throws and keeps the present one.
  configure(config) {
    const next = { ...this.config };
    for (const [field, least, most] of [
      ["failureThreshold", 1, 1_000_000],
      ["monitoringWindowMs", 100, 86_400_000],
      ["resetTimeoutMs", 1, 86_400_000],
    ]) {
      const value = config[field];
      if (value === undefined) continue;
      if (!Number.isFinite(value) || value < least || value > most) throw new BadField(field, `${value} is not in ${least} … ${most}`);
      next[field] = value;
    }
    if (typeof config.enabled === "boolean") next.enabled = config.enabled;
    this.config = next;
  }

  reset(to, by) {
    if (this.mode !== "auto") throw new Conflict("the circuit is overridden or disabled");
    this.#move(to || "closed", "reset", by);
  }

  // follow does what the fleet rule wants: be open and wait, recover now, or go by
  // the own rules again, which is also what the end of the connection means.
  follow(to, by) {
    if (this.mode !== "auto" && to !== "auto") throw new Conflict("the circuit is overridden or disabled");
    const waited = this.held;
    this.held = to === "open";
    if (to === "open" && this.state !== "open") this.#move("open", "fleet_quorum", by);
    if (to === "half_open" && this.state === "open") this.#move("half_open", "fleet_quorum", by);
    if (to === "auto" && waited && this.state === "open") this.#openFor(this.retryAfterMs);
  }

  // force sets an override that ends after so many milliseconds.
  force(override, ms) {
    this.override = override;
    clearTimeout(this.#overrideTimer);
    this.#overrideTimer = setTimeout(() => this.endOverride(override), Math.min(Math.max(ms, 0), 2 ** 31 - 1)).unref();
  }

  endOverride(by) {
    const ended = this.override;
    if (!ended) return;
    this.override = null;
    clearTimeout(this.#overrideTimer);
    this.#move(ended.mode === "forced_open" ? "half_open" : "closed", "override_ended", by);
  }
}

export class BadField extends Error {
  code = 4004;

  constructor(field, message) {
    super(`${field}: ${message}`);
    this.errors = [{ field, message }];
  }
}

export class Conflict extends Error {
  code = 4090;
}
