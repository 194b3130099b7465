/** The whole map as one pure function of what is to be seen; MapLibre works out what changed. */
import type { FontFacesSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import type { City, Layer } from '../lib/api';
import faces from '../mapdata/faces.json';
import { extent, graticule, type Bounds } from '../mapdata/geo';
import { palettes, type Lang, type Theme } from '../mapdata/palette';
import { below, labels, plain, towns } from './basemap';
import { dataLayers, source, sourceId, thingNames } from './things';

export interface Sight { city: Pick<City, 'basemap' | 'bounds' | 'centre'>; layers: Layer[]; theme: Theme; lang: Lang; at: string | null; origin: string }

/** Font files by the address of the node; the browser fetches only the slices whose letters are on the map. */
export const fontFaces = (origin: string): FontFacesSpecification =>
  Object.fromEntries(Object.entries(faces).map(([family, slices]) => [family, slices.map((s) => ({ ...s, url: origin + s.url }))]));

/** Something to draw a grid over: what the node knows, else its centre, else the world. */
function ground(city: Sight['city']): Bounds {
  if (city.bounds) return city.bounds;
  if (city.centre) return [city.centre[0] - 0.1, city.centre[1] - 0.1, city.centre[0] + 0.1, city.centre[1] + 0.1];
  return [-180, -85, 180, 85];
}

/** `layers` are those to be drawn from tiles, the first at the bottom. */
export function buildStyle({ city, layers, theme, lang, at, origin }: Sight): StyleSpecification {
  const p = palettes[theme];
  const sources: Record<string, SourceSpecification> = {};
  if (city.basemap) sources.base = { type: 'vector', url: `pmtiles://${new URL(city.basemap.url, origin).href}` };
  else sources.grid = { type: 'geojson', data: graticule(ground(city)) };
  const edge = city.basemap?.bounds ?? city.bounds;
  sources.extent = { type: 'geojson', data: edge ? extent(edge) : { type: 'FeatureCollection', features: [] } };
  for (const layer of layers) sources[sourceId(layer.id)] = source(layer.id, origin, at);
  const data = layers.map((layer) => dataLayers(layer, theme));
  const all: LayerSpecification[] = [
    { id: 'land', type: 'background', paint: { 'background-color': p.land } },
    ...(city.basemap ? [...below(p), ...plain(p).slice(2)] : plain(p)),
    ...data.flatMap((d) => d.areas),
    ...data.flatMap((d) => d.lines),
    ...(city.basemap ? labels(p, lang) : []),
    ...data.flatMap((d) => d.points),
    ...layers.filter((l) => l.geometry === 'point').map((l) => thingNames(l, theme, lang)),
    ...(city.basemap ? towns(p, lang) : []),
    ...data.flatMap((d) => d.counts),
  ];
  return { version: 8, name: `chorsu-${theme}`, 'font-faces': fontFaces(origin), sources, layers: all, transition: { duration: 0, delay: 0 } };
}
