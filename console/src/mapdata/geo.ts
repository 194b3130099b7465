import type { Feature, FeatureCollection } from 'geojson';

export type Bounds = [west: number, south: number, east: number, north: number];
export type LonLat = [lon: number, lat: number];

export const contains = (b: Bounds, [lon, lat]: LonLat): boolean => lon >= b[0] && lon <= b[2] && lat >= b[1] && lat <= b[3];
export const overlaps = (a: Bounds, b: Bounds): boolean => a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
export const valid = (p: unknown): p is LonLat =>
  Array.isArray(p) && Number.isFinite(p[0]) && Number.isFinite(p[1]) && Math.abs(p[0]) <= 180 && Math.abs(p[1]) <= 90;

/** Metres between two places, good to a few parts in a thousand over a city. */
export function metres(a: LonLat, b: LonLat): number {
  const x = (b[0] - a[0]) * Math.cos(((a[1] + b[1]) / 2) * (Math.PI / 180));
  return Math.hypot(x, b[1] - a[1]) * 111_195;
}

/** Degrees clockwise from north of the way from one place to another. */
export function bearing(a: LonLat, b: LonLat): number {
  const x = (b[0] - a[0]) * Math.cos(((a[1] + b[1]) / 2) * (Math.PI / 180));
  return ((Math.atan2(x, b[1] - a[1]) * 180) / Math.PI + 360) % 360;
}

/** The smallest of 1, 2 and 5 times a power of ten that is not below `x`. */
export function niceStep(x: number): number {
  const p = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].map((k) => k * p).find((s) => s >= x * 0.999_999) ?? 10 * p;
}

const span = (b: Bounds): number => Math.max(b[2] - b[0], b[3] - b[1], 0.01);

/**
 * Parallels and meridians around `b`, three times as far as it reaches: the ground of a node without a basemap.
 * `fine` lines (`k` 1) are five to a coarse one (`k` 0); at most a few hundred lines.
 */
export function graticule(b: Bounds): FeatureCollection {
  const coarse = niceStep(span(b) / 5);
  const reach = span(b) * 1.5;
  const [w, s, e, n] = [b[0] - reach, Math.max(b[1] - reach, -85), b[2] + reach, Math.min(b[3] + reach, 85)];
  const features: Feature[] = [];
  const add = (k: number, from: LonLat, to: LonLat): number =>
    features.push({ type: 'Feature', properties: { k }, geometry: { type: 'LineString', coordinates: [from, to] } });
  for (const [k, step] of [[1, coarse / 5], [0, coarse]] as const) {
    for (let i = Math.ceil(w / step); i * step <= e; i++) if (k === 0 || i % 5 !== 0) add(k, [i * step, s], [i * step, n]);
    for (let i = Math.ceil(s / step); i * step <= n; i++) if (k === 0 || i % 5 !== 0) add(k, [w, i * step], [e, i * step]);
  }
  return { type: 'FeatureCollection', features };
}

/** The outline of what the node knows. */
export const extent = (b: Bounds): Feature => ({
  type: 'Feature',
  properties: {},
  geometry: { type: 'LineString', coordinates: [[b[0], b[1]], [b[2], b[1]], [b[2], b[3]], [b[0], b[3]], [b[0], b[1]]] },
});
