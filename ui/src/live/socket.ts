import type { Message } from '../wire';

/** What of a WebSocket is used; tests give one of their own. */
export type Socket = Pick<WebSocket, 'close' | 'onopen' | 'onmessage' | 'onclose' | 'onerror'>;

export interface StreamOptions {
  /** Opens a socket at the stream's path with this query. */
  open: (query: string) => Socket;
  /** Gets every message, in order. */
  take: (message: Message) => void;
  /** Is told when the stream is lost; ended: the log-in is over, and it is not tried again. */
  lost: (ended: boolean) => void;
  random?: () => number;
}

/** How long to wait before the n-th try: full jitter, up to the longest. */
export const backoff = (n: number, longest: number, random: () => number) => random() * Math.min(longest, 250 * 2 ** n);

/**
 * A connection to the live stream that comes back by itself, from where it was:
 * with `epoch` and `seq` the manager sends just what was missed. It takes a
 * connection for dead that has been silent for two and a half heartbeats.
 */
export class Stream {
  private socket: Socket | null = null;
  private epoch = '';
  private seq = 0;
  private tries = 0;
  private heartbeat = 5_000;
  private longest = 10_000;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private heardAt = 0;
  private stopped = true;

  constructor(private readonly options: StreamOptions) {}

  /** Connects, unless it is connected or about to be. */
  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.tries = 0;
    this.connect();
  }

  /** Ends it, and forgets the place: who starts it next may be somebody else. */
  stop(): void {
    this.stopped = true;
    this.epoch = '';
    this.drop();
  }

  /** To be called when the page may have slept: what is dead is found at once. */
  wake(): void {
    if (this.stopped) return;
    if (this.socket === null) {
      this.tries = 0;
      this.connect();
    } else if (Date.now() - this.heardAt > this.silence()) {
      this.fail(false);
    }
  }

  private silence(): number {
    return 2.5 * this.heartbeat;
  }

  private connect(): void {
    clearTimeout(this.timer);
    const query = this.epoch === '' ? '' : `?epoch=${encodeURIComponent(this.epoch)}&seq=${this.seq}`;
    const socket = this.options.open(query);
    this.socket = socket;
    this.heardAt = Date.now();
    this.watch();
    socket.onmessage = (event) => {
      if (socket === this.socket) this.heard(JSON.parse(event.data as string) as Message);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.fail(event.code === 4001);
    };
  }

  private heard(message: Message): void {
    this.heardAt = Date.now();
    switch (message.type) {
      case 'connection:status':
        this.tries = 0;
        this.heartbeat = message.heartbeat_ms;
        this.longest = message.reconnect_ms ?? this.longest;
        if (message.epoch !== this.epoch) [this.epoch, this.seq] = ['', 0]; // a snapshot follows
        break;
      case 'services:state':
        if (message.page === message.pages) [this.epoch, this.seq] = [message.epoch, message.seq];
        else this.epoch = ''; // a part of a snapshot is no place
        break;
      case 'service:update':
      case 'service:event':
      case 'alert:firing':
      case 'alert:resolved':
      case 'services:heartbeat':
        if (this.epoch !== '') this.seq = message.seq;
        break;
    }
    this.options.take(message);
  }

  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (Date.now() - this.heardAt > this.silence()) this.fail(false);
      else this.watch();
    }, this.heartbeat);
  }

  private fail(ended: boolean): void {
    this.drop();
    if (ended) this.stop();
    this.options.lost(ended);
    if (this.stopped) return;
    this.timer = setTimeout(() => this.connect(), backoff(this.tries++, this.longest, this.options.random ?? Math.random));
  }

  private drop(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }
}
