/** Where on the map a geometry is. */
import type { LonLat } from './api';

/** The middle of what a geometry covers; nothing for none. */
export function middle(geometry: GeoJSON.Geometry | null): LonLat | null {
  const points: LonLat[] = [];
  const gather = (of: unknown): void => {
    if (!Array.isArray(of)) return;
    if (typeof of[0] === 'number' && typeof of[1] === 'number') points.push([of[0], of[1]]);
    else for (const part of of) gather(part);
  };
  if (!geometry) return null;
  if (geometry.type === 'GeometryCollection') return middle(geometry.geometries[0] ?? null);
  gather(geometry.coordinates);
  if (!points.length) return null;
  const lons = points.map(([lon]) => lon), lats = points.map(([, lat]) => lat);
  const half = (all: number[]): number => (all.reduce((a, b) => Math.min(a, b)) + all.reduce((a, b) => Math.max(a, b))) / 2;
  return [half(lons), half(lats)];
}
