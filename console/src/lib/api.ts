/** What the node says, as it says it, and how it is asked. */

export type Lang = 'en' | 'ru' | 'zh';
export type Theme = 'light' | 'dark';
export type Severity = 'critical' | 'warning' | 'notice';
export type Position = [lon: number, lat: number];
export type Bounds = [west: number, south: number, east: number, north: number];
/** A name by language; `und` where the language is not known. */
export type Names = Record<string, string>;

export interface Basemap {
  url: string;
  bounds: Bounds;
  minzoom: number;
  maxzoom: number;
  attribution: string;
}

export interface Loading {
  what: string;
  stage: string;
  done: number;
  total: number;
  error: string | null;
}

export interface City {
  name: Names;
  simulated: boolean;
  bounds: Bounds | null;
  centre: Position | null;
  zone: string;
  speed: number;
  basemap: Basemap | null;
  entities: number;
  now: string;
  seq: number;
  empty: boolean;
  loading: Loading | null;
  version: string;
}

export interface Usual {
  low: number;
  mid: number;
  high: number;
}

export interface Measure {
  id: string;
  entity: string;
  attribute: string;
  unit: string | null;
  value: number | null;
  usual: Usual | null;
  status: 'usual' | 'warning' | 'critical' | 'unknown';
  spark: [ms: number, value: number][];
  simulated: boolean;
  at: string | null;
  ageSeconds: number | null;
  stale: boolean;
  entities: number;
  digits: number;
}

export interface Attention {
  id: string;
  severity: Severity;
  code: string;
  params: Record<string, string | number>;
  entity: string | null;
  type: string | null;
  attribute: string | null;
  name: Names | null;
  location: Position | null;
  since: string;
  acknowledged: { at: string; by: string } | null;
  simulated: boolean;
}

export interface FeedState {
  name: string;
  state: 'waiting' | 'live' | 'late' | 'failing' | 'stopped';
  lagSeconds: number | null;
  expectedEverySeconds: number | null;
  simulated: boolean;
  lastError: { at: string; reason: string } | null;
}

export interface Now {
  time: string;
  seq: number;
  counts: Record<Severity, number>;
  measures: Measure[];
  attention: Attention[];
  feeds: FeedState[];
  freshness: { newestSeconds: number | null; lateFeeds: number };
}

/** One line of the live stream; the last word on its entity. */
export interface Change {
  id: string;
  deleted?: true;
  type?: string;
  seq?: number;
  at?: string | null;
  location?: Position | null;
  name?: Names;
  value?: number | null;
  attribute?: string | null;
  severity?: Severity;
}

export interface Layer {
  id: string;
  types: string[];
  group: 'mobility' | 'environment' | 'energy' | 'port' | 'air' | 'places' | 'other';
  short: string;
  count: number;
  geometry: 'point' | 'line' | 'polygon';
  attribute: { iri: string; short: string; unit: string | null } | null;
  classes: { max: number | null; label?: string }[] | null;
  moving: boolean;
  updatedAt: string | null;
}

export interface Attribute {
  iri: string;
  short: string;
  kind: string;
  value: unknown;
  unit: string | null;
  observedAt: string | null;
  modifiedAt: string | null;
  ageSeconds: number | null;
  chartable: boolean;
  usual: Usual | null;
  languages?: Names;
}

export interface Entity {
  id: string;
  type: string;
  short: string;
  layer: string | null;
  names: Names;
  location: { type: string; coordinates: unknown } | null;
  simulated: boolean;
  attributes: Attribute[];
  relations: { iri: string; short: string; objects: string[] }[];
  attention: Attention[];
}

export interface Series {
  attribute: string;
  unit: string | null;
  from: string;
  to: string;
  raw: number;
  points: [ms: number, value: number | null][];
  usual: [ms: number, low: number, high: number][];
  simulated: boolean;
}

export interface Item {
  id: string;
  type: string;
  short: string;
  names: Names;
  location: Position | null;
  value: number | null;
  unit: string | null;
  severity: Severity | null;
  ageSeconds: number | null;
  simulated: boolean;
}

export interface Items {
  items: Item[];
  next: string | null;
  total: number;
}

export interface Hit {
  kind: 'entity' | 'coordinates';
  id: string | null;
  names: Names;
  short: string | null;
  location: Position | null;
  layer: string | null;
}

/** What is wrong with a request [RFC 9457]. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly reference: string | null,
  ) {
    super(detail || title);
  }
}

const TOKEN = 'token';

/** The token of this tab; empty when there is none. */
export function token(): string {
  return sessionStorage.getItem(TOKEN) ?? '';
}

export function setToken(value: string): void {
  if (value) sessionStorage.setItem(TOKEN, value);
  else sessionStorage.removeItem(TOKEN);
}

/** The headers that say who asks. */
export function authorization(): Record<string, string> {
  const value = token();
  return value ? { Authorization: `Bearer ${value}` } : {};
}

async function problem(response: Response): Promise<Problem> {
  const reference = response.headers.get('x-request-id');
  try {
    const body = (await response.json()) as { title?: string; detail?: string };
    return new Problem(response.status, body.title ?? '', body.detail ?? '', reference);
  } catch {
    return new Problem(response.status, response.statusText, '', reference);
  }
}

/** Asks the node; throws a `Problem` for any other answer than a good one. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...authorization(), ...(init.headers as Record<string, string> | undefined) };
  const response = await fetch(path, { ...init, headers });
  if (!response.ok) throw await problem(response);
  return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, signal ? { signal } : {});
  return (await response.json()) as T;
}
