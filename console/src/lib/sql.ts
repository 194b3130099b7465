/** The node's SQL: what may be asked of, a question, its answer. */
import { call } from './api';
import { number } from './format';

export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell };
export interface Column { name: string; type: string; nullable: boolean; description?: string | null }
export interface Table { schema: string; name: string; description: string | null; rows: number | null; columns: Column[] }
export interface Answer { columns: Column[]; rows: Cell[][]; rowCount: number; truncated: boolean; elapsedMs: number; historyUntil: string | null }

/** Rows that are asked for: enough to look at; whoever wants all downloads a file. */
export const ROWS_MAX = 1_000;
/** Rows shown at once. */
export const PAGE = 100;

const JSON_TYPE = { 'Content-Type': 'application/json' };
export const tables = async (signal?: AbortSignal): Promise<Table[]> => (await call('/sql/tables', signal ? { signal } : {})).json() as Promise<Table[]>;
export const ask = async (query: string, signal: AbortSignal): Promise<Answer> =>
  (await call('/sql', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ query, rowsMax: ROWS_MAX }), signal })).json() as Promise<Answer>;
export const FILES = { csv: 'text/csv', parquet: 'application/vnd.apache.parquet' } as const;
/** The whole answer as a file. */
export const file = async (query: string, kind: keyof typeof FILES, signal: AbortSignal): Promise<Blob> =>
  (await call('/sql', { method: 'POST', headers: { ...JSON_TYPE, Accept: FILES[kind] }, body: JSON.stringify({ query }), signal })).blob();

const NUMBERS = new Set(['int', 'float', 'decimal']);
export const isNumber = (column: Column): boolean => NUMBERS.has(column.type);

/** A value as it is shown; nothing for null, which is shown as such. Figures keep every digit that counts. */
export function shown(value: Cell, column: Column, zone: string, tag: string): string | null {
  if (value === null) return null;
  if (typeof value === 'number') return column.type === 'float' ? number(value, Math.abs(value) >= 1_000 ? 2 : 6) : number(value, 0);
  if (column.type === 'timestamp' && typeof value === 'string') return moment(value, zone, tag);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** `2026-11-22 06:13:04` in the zone of the city; what is no time is shown as it came. */
function moment(text: string, zone: string, tag: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const parts = new Intl.DateTimeFormat(tag === 'zh' ? 'zh-Hans-u-nu-latn' : tag, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: zone }).formatToParts(at);
  const of = (kind: Intl.DateTimeFormatPartTypes): string => parts.find((part) => part.type === kind)?.value ?? '';
  return `${of('year')}-${of('month')}-${of('day')} ${of('hour')}:${of('minute')}:${of('second')}`;
}

/** A name as it must be written in SQL. */
export const quoted = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

/** Questions to begin with; what each is for stands in the messages. */
export const EXAMPLES: { id: 'latest' | 'daily' | 'busiest' | 'silent' | 'kinds'; sql: string }[] = [
  { id: 'kinds', sql: 'SELECT type, count(*) AS entities\nFROM entity\nGROUP BY type\nORDER BY entities DESC' },
  { id: 'daily', sql: "SELECT time_bucket(INTERVAL '1 day', time) AS of_day, attribute,\n       avg(number) AS mean, min(number) AS low, max(number) AS high, count(*) AS readings\nFROM history\nWHERE number IS NOT NULL\nGROUP BY of_day, attribute\nORDER BY of_day DESC, readings DESC" },
  { id: 'busiest', sql: "SELECT time_bucket(INTERVAL '1 hour', time) AS hour, count(*) AS readings\nFROM history\nGROUP BY hour\nORDER BY readings DESC\nLIMIT 24" },
  { id: 'latest', sql: 'SELECT entity, type, attribute, number, unit, time\nFROM history\nWHERE number IS NOT NULL\nORDER BY time DESC\nLIMIT 100' },
  { id: 'silent', sql: "SELECT entity, type, max(time) AS last_heard\nFROM history\nGROUP BY entity, type\nHAVING max(time) < now() - INTERVAL '1 hour'\nORDER BY last_heard" },
];
