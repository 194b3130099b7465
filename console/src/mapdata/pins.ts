import { rank, type Severity } from './palette';

/** An alarm with a place on the screen, in pixels. */
export interface PinInput { id: string; target: string; severity: Severity; since: string; x: number; y: number; lon: number; lat: number; acknowledged: boolean }
/** One pin: its worst alarm speaks for all in it. */
export interface Pin { key: string; lead: PinInput; members: PinInput[]; x: number; y: number }

/** Two pins nearer than this touch: a pin is 28 pixels wide. */
export const TOUCH = 30;

/** Worst first, then oldest, then by id, so that the order never flickers. */
export function bySeverity(a: PinInput, b: PinInput): number {
  return rank(a.severity) - rank(b.severity) || a.since.localeCompare(b.since) || a.id.localeCompare(b.id);
}

/**
 * Pins that would overlap become one at the place of the worst of them. What is in `apart` (the selected one) always
 * stands alone. The result is in order of severity, which is the order of the keyboard.
 */
export function cluster(inputs: readonly PinInput[], apart: ReadonlySet<string> = new Set(), touch = TOUCH): Pin[] {
  const pins: Pin[] = [];
  for (const input of [...inputs].sort(bySeverity)) {
    const alone = apart.has(input.id) || apart.has(input.target);
    const home = pins.find((p) => {
      if (p.lead.target === input.target) return true;
      if (alone || apart.has(p.lead.target) || apart.has(p.lead.id)) return false;
      return Math.hypot(p.x - input.x, p.y - input.y) < touch;
    });
    if (home) home.members.push(input);
    else pins.push({ key: input.target, lead: input, members: [input], x: input.x, y: input.y });
  }
  return pins;
}

/** How many different things a pin stands for. */
export const things = (pin: Pin): number => new Set(pin.members.map((m) => m.target)).size;
