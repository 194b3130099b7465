/** The ground: land, water, roads, buildings and their names, in greys, from the archive the node made. */
import type { ExpressionSpecification, FilterSpecification, LayerSpecification } from 'maplibre-gl';
import { nameOf } from '../mapdata/names';
import type { Lang, Palette } from '../mapdata/palette';

export const FONT = ['Inter', 'Noto Sans SC'];
const SOURCE = 'base';

/** A width that doubles with the street it stands for: `at11` pixels at zoom 11, `at18` at zoom 18. */
const width = (at11: number, at18: number): ExpressionSpecification => ['interpolate', ['exponential', 1.5], ['zoom'], 11, at11, 18, at18];
const kind = (...kinds: string[]): ExpressionSpecification => ['in', ['get', 'kind'], ['literal', kinds]];
const flag = (name: string): ExpressionSpecification => ['==', ['get', name], true];
const is = (type: 'Polygon' | 'LineString'): ExpressionSpecification =>
  ['in', ['geometry-type'], ['literal', [type, `Multi${type}`]]];
const round = { 'line-cap': 'round', 'line-join': 'round' } as const;

interface Road { id: string; kinds: string[]; from: number; at11: number; at18: number; major?: boolean }
/** From the least to the most important, so that a main road runs over a side street. */
const roads: readonly Road[] = [
  { id: 'service', kinds: ['service'], from: 14, at11: 0.2, at18: 5 },
  { id: 'minor', kinds: ['minor'], from: 12, at11: 0.4, at18: 13 },
  { id: 'tertiary', kinds: ['tertiary', 'link'], from: 11, at11: 0.8, at18: 18 },
  { id: 'secondary', kinds: ['secondary'], from: 9, at11: 1.1, at18: 22 },
  { id: 'primary', kinds: ['primary'], from: 7, at11: 1.5, at18: 26, major: true },
  { id: 'trunk', kinds: ['motorway', 'trunk'], from: 5, at11: 2, at18: 30, major: true },
];

function road(p: Palette, r: Road, part: 'tunnel' | 'case' | 'fill' | 'bridge'): LayerSpecification {
  const filter: FilterSpecification = ['all', kind(...r.kinds), part === 'tunnel' ? flag('tunnel') : ['!', flag('tunnel')],
    ...(part === 'bridge' ? [flag('bridge')] : [])] as FilterSpecification;
  const base = { id: `road-${r.id}-${part}`, type: 'line' as const, source: SOURCE, 'source-layer': 'road', minzoom: r.from, filter };
  const over = { 'line-color': r.major ? p.major : p.road, 'line-width': width(r.at11, r.at18) };
  switch (part) {
    case 'tunnel': return { ...base, layout: { 'line-join': 'round' }, paint: { ...over, 'line-opacity': 0.55, 'line-dasharray': [2, 1] } };
    case 'case': return { ...base, layout: round, paint: { 'line-color': p.casing, 'line-width': width(r.at11 + 0.9, r.at18 + 3) } };
    case 'bridge': return { ...base, minzoom: 13, layout: { 'line-join': 'round' }, paint: { 'line-color': p.casing, 'line-width': width(r.at11 + 1.2, r.at18 + 5) } };
    case 'fill': return { ...base, layout: round, paint: over };
  }
}

function ground(p: Palette): LayerSpecification[] {
  const landuse: ExpressionSpecification = ['match', ['get', 'kind'], 'green', p.green, 'pitch', p.pitch, 'industrial', p.industrial,
    'residential', p.residential, 'commercial', p.commercial, 'civic', p.civic, 'sand', p.sand, 'square', p.square, p.residential];
  const water = { source: SOURCE, 'source-layer': 'water' };
  return [
    { id: 'landuse', type: 'fill', source: SOURCE, 'source-layer': 'landuse', paint: { 'fill-color': landuse } },
    { id: 'water', type: 'fill', ...water, filter: is('Polygon'), paint: { 'fill-color': p.water } },
    { id: 'shore', type: 'line', ...water, minzoom: 12, filter: is('Polygon'), paint: { 'line-color': p.waterLine, 'line-width': 0.8 } },
    { id: 'river', type: 'line', ...water, filter: is('LineString'), layout: round,
      paint: { 'line-color': p.water, 'line-width': ['interpolate', ['exponential', 1.5], ['zoom'], 11, ['match', ['get', 'kind'], 'stream', 0.4, 1.2], 18, ['match', ['get', 'kind'], 'stream', 4, 12]] } },
    { id: 'pier', type: 'line', source: SOURCE, 'source-layer': 'road', minzoom: 13, filter: kind('pier', 'runway'), paint: { 'line-color': ['match', ['get', 'kind'], 'pier', p.land, p.casing], 'line-width': width(1, 10) } },
  ];
}

function ways(p: Palette): LayerSpecification[] {
  const rail = { source: SOURCE, 'source-layer': 'rail' };
  const above: FilterSpecification = ['!', flag('tunnel')];
  return [
    { id: 'path', type: 'line', source: SOURCE, 'source-layer': 'road', minzoom: 14.5, filter: kind('path'), paint: { 'line-color': p.path, 'line-width': width(0.5, 2), 'line-dasharray': [3, 2] } },
    ...roads.map((r) => road(p, r, 'tunnel')),
    ...roads.map((r) => road(p, r, 'case')),
    ...roads.map((r) => road(p, r, 'fill')),
    ...roads.slice(2).flatMap((r) => [road(p, r, 'bridge'), { ...road(p, r, 'bridge'), id: `road-${r.id}-deck`, paint: { 'line-color': r.major ? p.major : p.road, 'line-width': width(r.at11, r.at18) } } as LayerSpecification]),
    { id: 'rail-below', type: 'line', ...rail, minzoom: 12, filter: flag('tunnel'), paint: { 'line-color': p.rail, 'line-width': width(0.5, 2), 'line-dasharray': [3, 3], 'line-opacity': 0.6 } },
    { id: 'rail', type: 'line', ...rail, filter: above, paint: { 'line-color': p.rail, 'line-width': width(0.6, 3) } },
    { id: 'rail-ties', type: 'line', ...rail, minzoom: 14, filter: ['all', above, kind('rail')] as FilterSpecification, paint: { 'line-color': p.rail, 'line-width': width(2, 8), 'line-dasharray': [0.2, 2.4] } },
  ];
}

function names(p: Palette, lang: Lang): LayerSpecification[] {
  const text = (size: ExpressionSpecification | number): Record<string, unknown> => ({ 'text-field': nameOf(lang), 'text-font': FONT, 'text-size': size, 'text-letter-spacing': 0.03 });
  const halo = { 'text-halo-color': p.halo, 'text-halo-width': 1.4 };
  const along = (id: string, from: number, filter: FilterSpecification, size: ExpressionSpecification): LayerSpecification => ({
    id, type: 'symbol', source: SOURCE, 'source-layer': 'road', minzoom: from, filter,
    layout: { ...text(size), 'symbol-placement': 'line', 'text-max-angle': 30, 'symbol-spacing': 320 }, paint: { 'text-color': p.text, ...halo },
  });
  return [
    along('name-street', 14.5, kind('minor', 'tertiary', 'link'), ['interpolate', ['linear'], ['zoom'], 14, 10.5, 17, 13]),
    along('name-road', 12.5, kind('secondary', 'primary', 'trunk', 'motorway'), ['interpolate', ['linear'], ['zoom'], 12, 10.5, 17, 14]),
    { id: 'name-river', type: 'symbol', source: SOURCE, 'source-layer': 'water', minzoom: 11, filter: is('LineString'),
      layout: { ...text(['interpolate', ['linear'], ['zoom'], 11, 11, 17, 15]), 'symbol-placement': 'line', 'symbol-spacing': 400 }, paint: { 'text-color': p.waterText, ...halo } },
    { id: 'name-detail', type: 'symbol', source: SOURCE, 'source-layer': 'place', minzoom: 14.5, filter: kind('civic', 'park', 'water', 'locality', 'station'),
      layout: { ...text(11.5), 'text-max-width': 7, 'symbol-sort-key': ['coalesce', ['get', 'rank'], 50] },
      paint: { 'text-color': ['match', ['get', 'kind'], 'water', p.waterText, p.minorText], ...halo } },
    { id: 'name-place', type: 'symbol', source: SOURCE, 'source-layer': 'place', filter: ['all', kind('city', 'town', 'suburb'), ['any', ['<', ['zoom'], 14.5], ['!=', ['get', 'kind'], 'city']]] as FilterSpecification,
      layout: { ...text(['interpolate', ['linear'], ['zoom'], 9, ['match', ['get', 'kind'], 'city', 16, 'town', 13, 11], 14, ['match', ['get', 'kind'], 'city', 21, 'town', 17, 14]]),
        'text-max-width': 8, 'symbol-sort-key': ['coalesce', ['get', 'rank'], ['match', ['get', 'kind'], 'city', 0, 'town', 1, 2]] },
      paint: { 'text-color': p.place, ...halo, 'text-halo-width': 1.8 } },
  ] as LayerSpecification[];
}

/** Layers below the data. */
export const below = (p: Palette): LayerSpecification[] => [
  ...ground(p),
  ...ways(p),
  { id: 'building', type: 'fill', source: SOURCE, 'source-layer': 'building', minzoom: 13,
    paint: { 'fill-color': p.building, 'fill-outline-color': p.buildingLine, 'fill-opacity': ['interpolate', ['linear'], ['zoom'], 13, 0, 14, 1] } },
  { id: 'boundary', type: 'line', source: SOURCE, 'source-layer': 'boundary', paint: { 'line-color': p.boundary, 'line-width': ['match', ['get', 'kind'], 'district', 0.8, 1.4], 'line-dasharray': [4, 3] } },
];
/** Names of streets and small places, above lines and areas of data and below its points. */
export const labels = (p: Palette, lang: Lang): LayerSpecification[] => names(p, lang).slice(0, -1);
/** Names of towns and quarters, above everything: they say where one is. */
export const towns = (p: Palette, lang: Lang): LayerSpecification[] => names(p, lang).slice(-1);

/** The ground of a node that has no map yet. */
export const plain = (p: Palette): LayerSpecification[] => [
  { id: 'grid-fine', type: 'line', source: 'grid', filter: ['==', ['get', 'k'], 1], paint: { 'line-color': p.grid, 'line-width': 0.5 } },
  { id: 'grid', type: 'line', source: 'grid', filter: ['==', ['get', 'k'], 0], paint: { 'line-color': p.grid, 'line-width': 1.2 } },
  { id: 'extent', type: 'line', source: 'extent', paint: { 'line-color': p.extent, 'line-width': 1.2, 'line-dasharray': [4, 3] } },
];
