import type { LonLat } from '../lib/api';
import { valid } from '../mapdata/geo';

/** The middle of a shape: where its ring is put and where the map goes to show it. */
export function centreOf(geometry: GeoJSON.Geometry | null): LonLat | null {
  if (!geometry || geometry.type === 'GeometryCollection') return null;
  if (geometry.type === 'Point') return valid(geometry.coordinates) ? [geometry.coordinates[0], geometry.coordinates[1]] : null;
  let [w, s, e, n] = [Infinity, Infinity, -Infinity, -Infinity];
  const walk = (c: unknown): void => {
    if (valid(c)) { w = Math.min(w, c[0]); e = Math.max(e, c[0]); s = Math.min(s, c[1]); n = Math.max(n, c[1]); }
    else if (Array.isArray(c)) c.forEach(walk);
  };
  walk(geometry.coordinates);
  return Number.isFinite(w) ? [(w + e) / 2, (s + n) / 2] : null;
}
