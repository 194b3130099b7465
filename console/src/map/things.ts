/** Layers of data over the ground: one vector source for each layer of the city, tiles made by the node. */
import type { ExpressionSpecification, FilterSpecification, LayerSpecification, VectorSourceSpecification } from 'maplibre-gl';
import type { Layer } from '../lib/api';
import { legendOf, MAX_CLASSES, type Legend } from '../mapdata/legend';
import { nameOf } from '../mapdata/names';
import { palettes, type Lang, type Theme } from '../mapdata/palette';
import { FONT } from './basemap';

/** The layer inside every tile of data. */
export const THINGS = 'things';
export const sourceId = (layer: string): string => `data-${layer}`;
/** The layers of the style that a pointer can hit, of a layer of the city. */
export const hitIds = (layer: string): string[] => ['point', 'line', 'area', 'cluster'].map((part) => `data-${layer}-${part}`);
export const layerOf = (styleLayer: string): string | null => /^data-(.+)-(?:point|line|area|cluster)$/.exec(styleLayer)?.[1] ?? null;

export function source(layer: string, origin: string, at: string | null): VectorSourceSpecification {
  const time = at ? `?t=${encodeURIComponent(at)}` : '';
  return { type: 'vector', tiles: [`${origin}/console/tiles/${encodeURIComponent(layer)}/{z}/{x}/{y}.mvt${time}`], minzoom: 0, maxzoom: 16, promoteId: { [THINGS]: 'id' } };
}

/** What a live change said, else what the tile said. */
const told = (name: string, otherwise: unknown): ExpressionSpecification =>
  ['coalesce', ['feature-state', name], ['get', name], otherwise] as ExpressionSpecification;
const severe = (critical: unknown, warning: unknown, notice: unknown, otherwise: unknown): ExpressionSpecification =>
  ['match', told('s', ''), 'critical', critical, 'warning', warning, 'notice', notice, otherwise] as ExpressionSpecification;
const stale: ExpressionSpecification = ['==', told('stale', false), true] as ExpressionSpecification;
const marked: ExpressionSpecification = ['boolean', ['feature-state', 'mark'], false];
const single: ExpressionSpecification = ['!', ['has', 'n']];
const shape = (...types: string[]): ExpressionSpecification => ['in', ['geometry-type'], ['literal', types.flatMap((t) => [t, `Multi${t}`])]];

/** A value for each class of the legend, and one for what has none. */
function byClass<T>(legend: Legend, of: (c: Legend['classes'][number]) => T, otherwise: T): ExpressionSpecification | T {
  if (legend.classes.length === 0) return otherwise;
  return ['match', told('c', -1), ...legend.classes.slice(0, MAX_CLASSES).flatMap((c) => [c.index, of(c)]), otherwise] as unknown as ExpressionSpecification;
}

export function dataLayers(layer: Layer, theme: Theme): { areas: LayerSpecification[]; lines: LayerSpecification[]; points: LayerSpecification[]; counts: LayerSpecification[] } {
  const p = palettes[theme];
  const legend = legendOf(layer, theme);
  const colour = severe(p.critical, p.warning, p.notice, byClass(legend, (c) => c.colour, p.usual));
  const common = { source: sourceId(layer.id), 'source-layer': THINGS };
  const id = (part: string): string => `data-${layer.id}-${part}`;
  const grown = (k: number): ExpressionSpecification =>
    ['*', k, ['+', severe(6.5, 6, 5.5, byClass(legend, (c) => c.radius, legend.usual.radius)), ['case', marked, 2, 0]]] as ExpressionSpecification;
  const lineWidth = (k: number): ExpressionSpecification => ['*', k, ['case', marked, 2.2, severe(1.7, 1.5, 1.2, 1)]] as ExpressionSpecification;
  return {
    areas: [
      { id: id('area'), type: 'fill', ...common, filter: ['all', single, shape('Polygon')] as FilterSpecification, paint: { 'fill-color': colour, 'fill-opacity': ['case', marked, 0.5, stale, 0.08, 0.28] } },
      { id: id('edge'), type: 'line', ...common, filter: ['all', single, shape('Polygon')] as FilterSpecification, paint: { 'line-color': ['case', marked, p.accent, colour], 'line-width': lineWidth(1.2) } },
    ],
    lines: [
      { id: id('line-case'), type: 'line', ...common, minzoom: 12, filter: ['all', single, shape('LineString')] as FilterSpecification, layout: { 'line-cap': 'round', 'line-join': 'round' },
        paint: { 'line-color': ['case', marked, p.accent, p.outline], 'line-width': ['interpolate', ['linear'], ['zoom'], 12, lineWidth(3.2), 17, lineWidth(8)] } },
      { id: id('line'), type: 'line', ...common, filter: ['all', single, shape('LineString')] as FilterSpecification, layout: { 'line-cap': 'round', 'line-join': 'round' },
        paint: { 'line-color': colour, 'line-opacity': ['case', stale, 0.35, 1], 'line-width': ['interpolate', ['linear'], ['zoom'], 10, lineWidth(1.2), 13, lineWidth(2.2), 17, lineWidth(5)] } },
    ],
    points: [
      { id: id('point'), type: 'circle', ...common, filter: ['all', single, shape('Point')] as FilterSpecification,
        layout: { 'circle-sort-key': ['match', ['get', 's'], 'critical', 3, 'warning', 2, 'notice', 1, 0] },
        paint: {
          'circle-radius': ['interpolate', ['linear'], ['zoom'], 9, grown(0.5), 13, grown(0.75), 16, grown(1), 19, grown(1.6)],
          'circle-color': ['case', stale, p.land, colour],
          'circle-stroke-color': ['case', marked, p.accent, stale, legend.usual.outline, p.outline],
          'circle-stroke-width': ['case', marked, 3, stale, 1.6, 1.1],
        } },
      clusters(layer, theme),
    ],
    counts: [counts(layer, theme)],
  };
}

const many: ExpressionSpecification = ['max', 1, ['to-number', ['get', 'n'], 1]];
const inCluster = (layer: Layer): { source: string; 'source-layer': string; filter: FilterSpecification } =>
  ({ source: sourceId(layer.id), 'source-layer': THINGS, filter: ['has', 'n'] });

/** Many things at once: as large as they are many, coloured only when one of them is not as usual. */
function clusters(layer: Layer, theme: Theme): LayerSpecification {
  const p = palettes[theme];
  return {
    id: `data-${layer.id}-cluster`, type: 'circle', ...inCluster(layer), layout: { 'circle-sort-key': many },
    paint: {
      'circle-radius': ['interpolate', ['linear'], ['log10', many], 0.3, 7.5, 1, 9.5, 2, 12.5, 3, 16, 4.5, 21],
      'circle-color': p.surface, 'circle-opacity': 0.88,
      'circle-stroke-color': ['match', ['get', 's'], 'critical', p.critical, 'warning', p.warning, 'notice', p.notice, p.usual],
      'circle-stroke-width': ['match', ['get', 's'], 'critical', 2.6, 'warning', 2.4, 'notice', 2, 1.2],
    },
  };
}
/** How many they are. Where clusters of several layers overlap, the larger count is written and the other left out. */
function counts(layer: Layer, theme: Theme): LayerSpecification {
  return {
    id: `data-${layer.id}-count`, type: 'symbol', ...inCluster(layer),
    layout: {
      'text-field': ['case', ['>=', many, 10000], ['concat', ['to-string', ['round', ['/', many, 1000]]], 'k'], ['to-string', many]],
      'text-font': FONT, 'text-size': ['interpolate', ['linear'], ['log10', many], 1, 11, 4, 13], 'symbol-sort-key': ['-', 0, many],
    },
    paint: { 'text-color': palettes[theme].ink, 'text-halo-color': palettes[theme].surface, 'text-halo-width': 1 },
  };
}

/** Names of things that are selected or so near that there is room. */
export const thingNames = (layer: Layer, theme: Theme, lang: Lang): LayerSpecification => ({
  id: `data-${layer.id}-name`, type: 'symbol', source: sourceId(layer.id), 'source-layer': THINGS, minzoom: 16.5,
  filter: ['all', single, shape('Point')] as FilterSpecification,
  layout: { 'text-field': nameOf(lang), 'text-font': FONT, 'text-size': 11.5, 'text-offset': [0, 0.9], 'text-anchor': 'top', 'text-max-width': 9, 'text-optional': true, 'text-letter-spacing': 0.02 },
  paint: { 'text-color': palettes[theme].ink, 'text-halo-color': palettes[theme].halo, 'text-halo-width': 1.6 },
});
