/** Figures, times and ages in the reader's language. Everything that `Intl` knows is left to it. */
import { m } from '../paraglide/messages.js';
import { i18n } from './i18n.svelte';

const kept = new Map<string, unknown>();
function keep<T>(key: string, make: () => T): T {
  if (!kept.has(key)) kept.set(key, make());
  return kept.get(key) as T;
}

/** Units of UN/CEFACT that `Intl` can write. */
const INTL_UNITS: Record<string, string> = {
  KMH: 'kilometer-per-hour', MTS: 'meter-per-second', CEL: 'celsius', MTR: 'meter', KMT: 'kilometer', MMT: 'millimeter', CMT: 'centimeter',
  DD: 'degree', LTR: 'liter', KGM: 'kilogram', SEC: 'second', MIN: 'minute', HUR: 'hour',
};

const said = m as unknown as Record<string, (() => string) | undefined>;

export function number(value: number, digits = 1): string {
  return keep(`n${i18n.tag}${digits}`, () => new Intl.NumberFormat(i18n.tag, { maximumFractionDigits: digits })).format(value);
}

/** A value with its unit: `62 %`, `18 км/ч`, `12 µg/m³`. */
export function quantity(value: number, unit: string | null | undefined, digits = 1): string {
  const tag = i18n.tag;
  if (unit === 'P1') return keep(`p${tag}${digits}`, () => new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: digits })).format(value / 100);
  const known = unit ? INTL_UNITS[unit] : undefined;
  if (known) return keep(`u${tag}${digits}${known}`, () => new Intl.NumberFormat(tag, { style: 'unit', unit: known, maximumFractionDigits: digits })).format(value);
  const word = unitWord(unit);
  return word ? `${number(value, digits)}\u00a0${word}` : number(value, digits);
}

/** The unit alone, for titles and heads of columns. */
export function unitWord(unit: string | null | undefined): string {
  if (!unit || unit === 'C62') return '';
  if (unit === 'P1') return '%';
  const known = INTL_UNITS[unit];
  if (known) {
    const parts = new Intl.NumberFormat(i18n.tag, { style: 'unit', unit: known }).formatToParts(1);
    return parts.filter((part) => part.type === 'unit').map((part) => part.value).join('').trim();
  }
  return said[`unit_${unit}`]?.() ?? unit;
}

/** Digits that a reader can use: few for large figures. */
export const digitsOf = (value: number): number => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);

type Span = 'second' | 'minute' | 'hour' | 'day';
function split(seconds: number): [number, Span] {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return [s, 'second'];
  if (s < 3_600) return [Math.floor(s / 60), 'minute'];
  if (s < 86_400) return [Math.floor(s / 3_600), 'hour'];
  return [Math.floor(s / 86_400), 'day'];
}

/** `4 min`, `4 мин`, `4分钟`. */
export function duration(seconds: number): string {
  const [n, unit] = split(seconds);
  return keep(`d${i18n.tag}${unit}`, () => new Intl.NumberFormat(i18n.tag, { style: 'unit', unit, unitDisplay: 'short' })).format(n);
}

/** `4 min ago`. */
export function ago(seconds: number): string {
  const [n, unit] = split(seconds);
  return keep(`a${i18n.tag}`, () => new Intl.RelativeTimeFormat(i18n.tag, { style: 'short', numeric: 'always' })).format(-n, unit);
}

type Moment = Date | number | string;
const date = (at: Moment): Date => (at instanceof Date ? at : new Date(at));
function formatter(zone: string, key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return keep(`t${i18n.tag}${zone}${key}`, () => {
    try { return new Intl.DateTimeFormat(i18n.tag, { ...options, timeZone: zone, hourCycle: 'h23' }); }
    catch { return new Intl.DateTimeFormat(i18n.tag, { ...options, timeZone: 'UTC', hourCycle: 'h23' }); }
  });
}
/** `06:13` in the zone of the city. */
export const clock = (at: Moment, zone: string): string => formatter(zone, 'c', { hour: '2-digit', minute: '2-digit' }).format(date(at));
/** `06:13:04` */
export const clockSeconds = (at: Moment, zone: string): string =>
  formatter(zone, 's', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(date(at));
/** `вс, 22 нояб., 06:13` */
export const dayClock = (at: Moment, zone: string): string =>
  formatter(zone, 'd', { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(date(at));

/** The moment at which the clock of the zone last showed `hh:mm` before `now`; nothing for other text. */
export function lastTime(typed: string, now: number, zone: string): number | null {
  const found = /^(\d{1,2})[:.：]?(\d{2})$/.exec(typed.trim());
  if (!found) return null;
  const hours = Number(found[1]), minutes = Number(found[2]);
  if (hours > 23 || minutes > 59) return null;
  const parts = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone }).format(now).split(':').map(Number);
  const back = ((parts[0] ?? 0) * 60 + (parts[1] ?? 0) - hours * 60 - minutes + 1_440) % 1_440;
  return Math.floor(now / 60_000) * 60_000 - back * 60_000;
}
