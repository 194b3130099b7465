import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hold } from '../../src/lib/order';
import { LiveStore, SILENCE_MS } from '../../src/lib/live.svelte';
import { EventReader } from '../../src/lib/sse';
import type { Change } from '../../src/lib/api';

/** A node whose streams are written by the test. */
function node() {
  const asked: { path: string; headers: Record<string, string> }[] = [];
  let write: (text: string) => void = () => {};
  let end: () => void = () => {};
  const open = (path: string, init: RequestInit): Promise<Response> => {
    asked.push({ path, headers: init.headers as Record<string, string> });
    const body = new ReadableStream<Uint8Array>({ start(c) { write = (text) => c.enqueue(new TextEncoder().encode(text)); end = () => c.close(); } });
    return Promise.resolve(new Response(body));
  };
  return { asked, open, write: (text: string) => write(text), end: () => end() };
}
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe('the live store', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('resumes at the last sequence number when the stream ends', async () => {
    const far = node();
    const live = new LiveStore({}, far.open);
    void live.start();
    await settle();
    expect(far.asked[0]?.headers['Last-Event-ID']).toBeUndefined();
    far.write('event: changes\nid: 41\ndata: []\n\nevent: tick\nid: 42\ndata: {"time":"2026-01-01T00:00:00Z","seq":42}\n\n');
    await settle();
    expect(live.state).toBe('live');
    far.end();
    await settle();
    expect(live.state).toBe('lost');
    expect(live.retryAt).toBeGreaterThan(Date.now());
    await vi.advanceTimersByTimeAsync(1_100);
    expect(far.asked[1]?.headers['Last-Event-ID']).toBe('42');
    far.write('event: tick\ndata: {"time":"2026-01-01T00:00:05Z","seq":42}\n\n');
    await settle();
    expect(live.state).toBe('live');
    expect(live.lostSince).toBeNull();
    live.stop();
  });

  it('calls a silent stream lost though its socket is open', async () => {
    const far = node();
    const live = new LiveStore({}, far.open);
    void live.start();
    await settle();
    far.write('event: tick\ndata: {"time":"2026-01-01T00:00:00Z","seq":1}\n\n');
    await settle();
    await vi.advanceTimersByTimeAsync(SILENCE_MS - 100);
    expect(live.state).toBe('live');
    await vi.advanceTimersByTimeAsync(200);
    expect(live.state).toBe('lost');
    live.stop();
  });

  it('tells subscribers of changes until they leave, and keeps the newest time', () => {
    const live = new LiveStore();
    const seen: Change[][] = [];
    const off = live.subscribe((changes) => seen.push(changes));
    live.take({ event: 'changes', id: '7', data: JSON.stringify([{ id: 'a', at: '2026-01-01T00:00:09Z' }, { id: 'b', at: '2026-01-01T00:00:03Z' }]) });
    off();
    live.take({ event: 'changes', id: '8', data: '[{"id":"c"}]' });
    expect(seen.map((all) => all.map((one) => one.id))).toEqual([['a', 'b']]);
    expect(live.newest).toBe(Date.parse('2026-01-01T00:00:09Z'));
    expect(live.seq).toBe(8);
    live.stop();
  });

  it('forgets where it was when the node says reset', () => {
    let resets = 0;
    const live = new LiveStore({ reset: () => { resets += 1; } });
    live.take({ event: 'changes', id: '7', data: '[]' });
    live.take({ event: 'reset', id: null, data: '{}' });
    expect([live.seq, resets]).toEqual([null, 1]);
    live.stop();
  });

  it('waits longer after each failure, ten seconds at most', async () => {
    const live = new LiveStore({}, () => Promise.reject(new Error('refused')));
    const waits: number[] = [];
    void live.start();
    for (let i = 0; i < 6; i += 1) {
      await settle();
      waits.push((live.retryAt ?? 0) - Date.now());
      await vi.advanceTimersByTimeAsync(waits.at(-1) ?? 0);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    live.stop();
  });
});

describe('the reader of events', () => {
  it('gives the same events however the text is cut', () => {
    const text = ': hello\r\nevent: changes\r\nid: 5\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata: x\n\n';
    const whole = new EventReader().take(text);
    expect(whole).toEqual([{ event: 'changes', data: '{"a":\n1}', id: '5' }, { event: 'message', data: 'x', id: '5' }]);
    for (let cut = 1; cut < text.length; cut += 1) {
      const reader = new EventReader();
      expect([...reader.take(text.slice(0, cut)), ...reader.take(text.slice(cut))]).toEqual(whole);
    }
  });
});

describe('a list that is being read', () => {
  const items = [{ id: 'new' }, { id: 'a', said: 2 }, { id: 'b' }];
  it('keeps its rows and says how many wait', () => {
    expect(hold(['b', 'a', 'gone'], items, true)).toEqual({ shown: [{ id: 'b' }, { id: 'a', said: 2 }], waiting: 1 });
  });
  it('shows all in their order when it is free', () => {
    expect(hold(['b'], items, false)).toEqual({ shown: items, waiting: 0 });
  });
});
