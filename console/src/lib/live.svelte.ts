/** The live stream: what changes in the city, as it changes, and how fresh that is. */
import { call, type Change, type Now, Problem } from './api';
import { EventReader, type ServerEvent } from './sse';

/** Without a tick for so long the stream is dead, whatever the socket says. */
export const SILENCE_MS = 12_000;
const WAITS_MS = [1_000, 2_000, 4_000, 8_000, 10_000];

export interface Told {
  now?: (now: Now) => void;
  tick?: (time: number, seq: number) => void;
  city?: () => void;
  reset?: () => void;
}
type Opener = (path: string, init: RequestInit) => Promise<Response>;

export class LiveStore {
  state = $state<'off' | 'connecting' | 'live' | 'lost' | 'paused'>('off');
  /** Since when the link is lost, and when the next try is due; milliseconds of this machine. */
  lostSince = $state<number | null>(null);
  retryAt = $state<number | null>(null);
  /** The newest time at which something was observed, and the last tick, in milliseconds. */
  newest = $state(0);
  seq: number | null = null;

  #told = new Set<(changes: Change[]) => void>();
  #types: string[] = [];
  #stop: AbortController | null = null;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(private readonly hear: Told = {}, private readonly open: Opener = call) {}

  /** Tells `told` of every gathered change until the returned function is called. */
  subscribe(told: (changes: Change[]) => void): () => void {
    this.#told.add(told);
    return () => { this.#told.delete(told); };
  }

  /** Only changes of these types are of interest; none means all. */
  want(types: string[]): void {
    if (types.join() === this.#types.join()) return;
    this.#types = types;
    if (this.state === 'live' || this.state === 'connecting') void this.start();
  }

  pause(): void {
    this.#end();
    this.state = 'paused';
    this.lostSince = this.retryAt = null;
  }

  stop(): void {
    this.#end();
    this.state = 'off';
  }

  /** Opens the stream, at the sequence number where the last one ended. */
  async start(): Promise<void> {
    this.#end();
    const stop = new AbortController();
    this.#stop = stop;
    if (this.state !== 'lost') this.state = 'connecting';
    this.retryAt = null;
    this.#watch();
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (this.seq !== null) headers['Last-Event-ID'] = String(this.seq);
      const q = this.#types.length ? `?types=${this.#types.map(encodeURIComponent).join(',')}` : '';
      const answer = await this.open(`/console/live${q}`, { headers, signal: stop.signal, cache: 'no-store' });
      await this.#read(answer, stop);
      throw new Error('the stream ended');
    } catch (wrong) {
      if (this.#stop !== stop) return;
      if (wrong instanceof Problem && wrong.status === 401) this.stop();
      else this.#lost();
    }
  }

  async #read(answer: Response, stop: AbortController): Promise<void> {
    const reader = answer.body?.getReader();
    if (!reader) return;
    const events = new EventReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#stop !== stop) return;
      for (const event of events.take(decoder.decode(value, { stream: true }))) this.take(event);
    }
  }

  /** One event of the stream. */
  take({ event, data, id }: ServerEvent): void {
    this.#watch();
    if (this.state !== 'live') {
      this.state = 'live';
      this.lostSince = this.retryAt = null;
      this.#failures = 0;
    }
    const content = JSON.parse(data || '{}') as unknown;
    if (event === 'changes') this.#changes(content as Change[]);
    else if (event === 'now') this.hear.now?.(content as Now);
    else if (event === 'city') this.hear.city?.();
    else if (event === 'tick') {
      const { time, seq } = content as { time: string; seq: number };
      this.hear.tick?.(Date.parse(time), seq);
    } else if (event === 'reset') {
      this.seq = null;
      this.hear.reset?.();
    }
    if (id !== null && id !== '' && Number.isFinite(Number(id))) this.seq = Number(id);
  }

  #changes(changes: Change[]): void {
    for (const change of changes) {
      const at = change.at ? Date.parse(change.at) : 0;
      if (at > this.newest) this.newest = at;
    }
    for (const told of this.#told) told(changes);
  }

  #watch(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lost(), SILENCE_MS);
  }

  #lost(): void {
    this.#end();
    this.state = 'lost';
    this.lostSince ??= Date.now();
    const wait = WAITS_MS[Math.min(this.#failures, WAITS_MS.length - 1)] ?? 10_000;
    this.#failures += 1;
    this.retryAt = Date.now() + wait;
    this.#retry = setTimeout(() => void this.start(), wait);
  }

  #end(): void {
    const stop = this.#stop;
    this.#stop = null;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retry);
    stop?.abort();
  }
}
