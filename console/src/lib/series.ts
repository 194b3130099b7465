/** A series as a chart, a sentence and a file take it. */
import type { Series } from './api';

export type Columns = [number[], (number | null)[], (number | null)[], (number | null)[]];

/** Columns of seconds, low, high and measured, over the times of both; gaps stay gaps. */
export function columns(series: Series): Columns {
  const rows = new Map<number, [number | null | undefined, number | null | undefined, number | null | undefined]>();
  for (const [at, low, high] of series.usual) rows.set(at, [low, high, undefined]);
  for (const [at, value] of series.points) {
    const row = rows.get(at);
    rows.set(at, [row?.[0], row?.[1], value]);
  }
  const times = [...rows.keys()].sort((a, b) => a - b);
  const column = (of: 0 | 1 | 2): (number | null)[] => times.map((at) => rows.get(at)?.[of] as number | null);
  // uPlot joins over `undefined` (no sample at this time) and breaks at `null` (a gap).
  return [times.map((at) => at / 1_000), column(0), column(1), column(2)];
}

export interface Summary { min: number; max: number; now: number; at: number; place: 'in' | 'above' | 'below' | null }

/** The least, the greatest and the last value, and where the last lies against what is usual then. */
export function summary(series: Series): Summary | null {
  const real = series.points.filter((point): point is [number, number] => point[1] !== null);
  const last = real.at(-1);
  if (!last) return null;
  const values = real.map(([, v]) => v);
  const band = series.usual.findLast(([at]) => at <= last[0]) ?? series.usual[0];
  const place = !band ? null : last[1] > band[2] ? 'above' : last[1] < band[1] ? 'below' : 'in';
  return { min: values.reduce((a, b) => Math.min(a, b)), max: values.reduce((a, b) => Math.max(a, b)), now: last[1], at: last[0], place };
}

export function csv(series: Series, heads: readonly string[]): string {
  const quote = (text: string): string => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const [times, low, high, value] = columns(series);
  const rows = times.map((at, i) => [new Date(at * 1_000).toISOString(), value[i] ?? '', low[i] ?? '', high[i] ?? ''].join(','));
  return [heads.map(quote).join(','), ...rows].join('\r\n');
}
