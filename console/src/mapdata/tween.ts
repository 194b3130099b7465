import { bearing, metres, type LonLat } from './geo';

/** Something that moves: where it was drawn when the last word came, where it said it is, and how long it takes there. */
export interface Mover {
  id: string; from: LonLat; to: LonLat; start: number; length: number; heard: number;
  /** Degrees clockwise from north; null until it has moved. */
  heading: number | null;
  properties: Record<string, unknown>;
}

/** Metres in one word beyond which it jumped and is drawn at its new place at once; a model city may run sixty times as fast as life. */
const JUMP = 10_000;
/** Movements below this are noise of the receiver and turn nothing. */
const NOISE = 3;
const SHORTEST = 300;
const LONGEST = 12_000;

export function place(m: Mover, now: number): LonLat {
  const t = m.length <= 0 ? 1 : Math.min(1, Math.max(0, (now - m.start) / m.length));
  return [m.from[0] + (m.to[0] - m.from[0]) * t, m.from[1] + (m.to[1] - m.from[1]) * t];
}
export const resting = (m: Mover, now: number): boolean => now >= m.start + m.length;

/** First word of a thing. */
export const appear = (id: string, at: LonLat, now: number, properties: Record<string, unknown>, heading: number | null = null): Mover =>
  ({ id, from: at, to: at, start: now, length: 0, heard: now, heading, properties });

/**
 * A new word: it goes on from where it is drawn now, and takes as long as words of it are apart, so that it arrives
 * when the next one is due. With `smooth` false it is there at once.
 */
export function move(m: Mover, to: LonLat, now: number, smooth: boolean): Mover {
  const from = place(m, now);
  const far = metres(from, to);
  const heading = far > NOISE ? bearing(from, to) : m.heading;
  if (!smooth || far > JUMP) return { ...m, from: to, to, start: now, length: 0, heard: now, heading };
  const length = Math.min(LONGEST, Math.max(SHORTEST, now - m.heard));
  return { ...m, from, to, start: now, length, heard: now, heading };
}
