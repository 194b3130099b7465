/** The words of the node's `/console` interface and the client that speaks them. */
export type Lang = 'en' | 'ru' | 'zh';
export type Names = Partial<Record<Lang | 'und', string>>;
export type Theme = 'light' | 'dark';
export type LonLat = [number, number];
export type Position = LonLat;
export type Bounds = [number, number, number, number];
export type Severity = 'critical' | 'warning' | 'notice';

export interface Basemap { url: string; bounds: Bounds; minzoom: number; maxzoom: number; attribution: string }
export interface Loading { what: string; stage: string; done: number; total: number; error: string | null }
export interface City {
  name: Names | null; simulated: boolean; bounds: Bounds | null; centre: LonLat | null; zone: string; speed: number;
  basemap: Basemap | null; entities: number; now: string; seq: number; empty: boolean; ready?: boolean;
  loading: Loading | null; version: string;
}
export interface Usual { low: number; mid: number; high: number }
export interface Measure {
  id: string; entity: string; attribute: string; unit: string | null; value: number | null; usual: Usual | null;
  status: 'usual' | 'warning' | 'critical' | 'unknown'; spark: [number, number | null][]; simulated: boolean;
  at: string | null; ageSeconds: number | null; stale: boolean; entities: number; digits: number;
}
export interface Attention {
  id: string; severity: Severity; code: string; params: Record<string, unknown>; entity: string | null; type: string | null;
  attribute: string | null; name: Names | null; location: LonLat | null; since: string;
  acknowledged: { at: string; by: string } | null; simulated: boolean;
}
export type FeedState = 'waiting' | 'live' | 'late' | 'failing' | 'stopped';
export interface FeedBrief {
  name: string; state: FeedState; lagSeconds: number | null; expectedEverySeconds: number | null; simulated: boolean; lastError: { at: string; reason: string } | null;
}
export interface Now {
  time: string; seq: number; counts: Record<Severity, number>; measures: Measure[]; attention: Attention[]; feeds: FeedBrief[];
  freshness: { newestSeconds: number | null; lateFeeds: number };
}
export interface Change {
  id: string; deleted?: boolean; type?: string; seq?: number; at?: string; location?: LonLat | null; name?: Names | string;
  value?: number | null; attribute?: string | null; severity?: Severity | null;
}
export interface Layer {
  id: string; types: string[]; group: 'mobility' | 'environment' | 'energy' | 'port' | 'air' | 'places' | 'other'; short: string;
  count: number; geometry: 'point' | 'line' | 'polygon'; attribute: { iri: string; short: string; unit: string | null } | null;
  classes: { max: number | null; label?: string }[] | null; moving: boolean; updatedAt: string | null;
}
export interface Attribute {
  iri: string; short: string; kind: string; value: unknown; unit: string | null; observedAt: string | null; modifiedAt: string | null;
  ageSeconds: number | null; chartable: boolean; usual: Usual | null; languages?: Names | null;
}
export interface Relation { iri: string; short: string; objects: string[] }
export interface Entity {
  id: string; type: string; short: string; layer: string | null; names: Names; location: GeoJSON.Geometry | null; simulated: boolean;
  attributes: Attribute[]; relations: Relation[]; attention: Attention[];
}
export interface Series {
  attribute: string; unit: string | null; from: string; to: string; raw: number; points: [number, number | null][];
  usual: [number, number, number][]; simulated: boolean;
}
export interface ListItem {
  id: string; type: string; short: string; names: Names; location: LonLat | null; value: number | null; unit: string | null;
  severity: Severity | null; ageSeconds: number | null; simulated: boolean;
}
export interface Page { items: ListItem[]; next: string | null; total: number }
export interface Hit { kind: 'entity' | 'coordinates'; id: string; names: Names; short: string; location: LonLat | null; layer: string | null }
export interface FeedHealth extends FeedBrief {
  kind: string; received: number; accepted: number; refused: number; bytes: number; lastReadingAt: string | null; lastAcceptedAt: string | null;
  refusals: { at: string; reason: string; sample?: string }[];
}

/** An answer of the node that is not a success: its status and what it says of it. */
export class Problem extends Error {
  constructor(readonly status: number, readonly title: string, readonly detail: string) { super(detail || title || String(status)); }
}

const KEY = 'chorsu.token';
export const token = {
  get: (): string | null => { try { return sessionStorage.getItem(KEY); } catch { return null; } },
  set: (value: string): void => { try { sessionStorage.setItem(KEY, value); } catch { /* A browser without storage asks again. */ } },
};

/** The headers that say who asks. */
export const authorization = (): Record<string, string> => {
  const secret = token.get();
  return secret ? { Authorization: `Bearer ${secret}` } : {};
};

/** Who wants to know that the node asks for a token. */
let refused: () => void = () => {};
export const onRefused = (told: () => void): void => { refused = told; };

export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  for (const [key, value] of Object.entries(authorization())) headers.set(key, value);
  if (!headers.has('Accept')) headers.set('Accept', 'application/json');
  const answer = await fetch(path, { ...init, headers });
  if (answer.ok) return answer;
  if (answer.status === 401) refused();
  const said = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string };
  throw new Problem(answer.status, said.title ?? answer.statusText, said.detail ?? '');
}

const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => (await call(path, signal ? { signal } : {})).json() as Promise<T>;
const query = (words: Record<string, string | number | undefined>): string => {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(words)) if (value !== undefined && value !== '') q.set(key, String(value));
  return q.toString();
};
const one = encodeURIComponent;

export const api = {
  city: (s?: AbortSignal) => get<City>('/console/city', s),
  now: (s?: AbortSignal) => get<Now>('/console/now', s),
  layers: (s?: AbortSignal) => get<Layer[]>('/console/layers', s),
  entity: (id: string, s?: AbortSignal) => get<Entity>(`/console/entities/${one(id)}`, s),
  series: (id: string, attribute: string, from: string, to: string, points = 600, s?: AbortSignal) =>
    get<Series>(`/console/entities/${one(id)}/series?${query({ attribute, from, to, points })}`, s),
  list: (of: { layer?: string; bbox?: string; q?: string; limit?: number; after?: string }, s?: AbortSignal) => get<Page>(`/console/list?${query(of)}`, s),
  search: (q: string, lang: Lang, s?: AbortSignal) => get<{ items: Hit[] }>(`/console/search?${query({ q, lang, limit: 20 })}`, s),
  acknowledge: (id: string) => call(`/console/attention/${one(id)}/acknowledge`, { method: 'POST' }),
  unacknowledge: (id: string) => call(`/console/attention/${one(id)}/acknowledge`, { method: 'DELETE' }),
  feeds: async (s?: AbortSignal) => {
    const all = await get<{ name: string; health: FeedHealth }[]>('/feeds?limit=1000', s);
    return all.map((feed) => ({ ...feed.health, name: feed.name }));
  },
  loadModel: (inhabitants: number, seed: number) =>
    call('/console/load/model', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ inhabitants, seed }) }),
  loadFile: (kind: 'osm' | 'gtfs', name: string, body: Blob) =>
    call(`/console/load/${kind}?${query({ name })}`, { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body }),
};
