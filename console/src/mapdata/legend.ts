import { palettes, type Theme } from './palette';

/** What the legend needs to know of a layer; the API's `Layer` is one. */
export interface LayerLike {
  id: string;
  geometry: 'point' | 'line' | 'polygon';
  /** Upper limits, rising; the last is open (null). */
  classes?: { max: number | null; label?: string | null }[] | null;
  moving?: boolean;
}
export type Shape = 'dot' | 'line' | 'area' | 'vehicle' | 'drone' | 'ship';
/** One row of a legend. `from` is exclusive and `to` inclusive; null means open. */
export interface LegendClass { index: number; from: number | null; to: number | null; label: string | null; colour: string; outline: string; radius: number }
export interface Legend { shape: Shape; classes: LegendClass[]; usual: { colour: string; outline: string; radius: number } }

export const MAX_CLASSES = 5;
/** Pixels at street zoom: more is larger, so that a ramp can be read without its colours. */
const radii: readonly number[] = [3.6, 4.2, 4.8, 5.4, 6];
export const USUAL_RADIUS = 3.6;

/** Kinds that move have a shape of their own. */
export function shapeOf(layer: LayerLike): Shape {
  if (layer.moving) return /drone|air/i.test(layer.id) ? 'drone' : /ship|vessel|boat/i.test(layer.id) ? 'ship' : 'vehicle';
  return layer.geometry === 'line' ? 'line' : layer.geometry === 'polygon' ? 'area' : 'dot';
}

/** Spreads `n` classes over the five steps of the ramp, so that few classes still differ well. */
export const step = (index: number, n: number): number => (n <= 1 ? 2 : Math.round((index * (MAX_CLASSES - 1)) / (n - 1)));
export const radiusOf = (index: number, n: number): number => radii[step(index, n)] ?? USUAL_RADIUS;

/** Which class a value is in: the first whose limit it does not exceed; the last has no upper end. */
export function classOf(value: number | null | undefined, classes: LayerLike['classes']): number | null {
  if (value === null || value === undefined || !Number.isFinite(value) || !classes?.length) return null;
  const index = classes.findIndex((c) => value <= (c.max ?? Infinity));
  return Math.min(index < 0 ? classes.length - 1 : index, MAX_CLASSES - 1);
}

export function legendOf(layer: LayerLike, theme: Theme): Legend {
  const p = palettes[theme];
  // One class that takes everything says nothing: such a layer stays grey.
  const classes = (layer.classes?.length ?? 0) > 1 ? (layer.classes ?? []).slice(0, MAX_CLASSES) : [];
  return {
    shape: shapeOf(layer),
    usual: { colour: p.usual, outline: p.usualLine, radius: USUAL_RADIUS },
    classes: classes.map((c, index) => ({
      index,
      from: index === 0 ? null : (classes[index - 1]?.max ?? null),
      to: index === classes.length - 1 ? null : c.max,
      label: c.label ?? null,
      colour: p.ramp[step(index, classes.length)] ?? p.usual,
      outline: p.usualLine,
      radius: radiusOf(index, classes.length),
    })),
  };
}
