/** Keeps what stands still fresh: values of live changes as feature state, tiles asked for again only now and then. */
import type { Map as GlMap } from 'maplibre-gl';
import type { Change, Layer } from '../lib/api';
import { classOf } from '../mapdata/legend';
import { sourceId, THINGS } from './things';

/** Milliseconds between two loads of the tiles of a layer when things came, went or became worse, and when values changed. */
export const SOON = 10_000;
export const LATER = 60_000;
/** States kept of a layer; beyond it the tiles are asked for again. */
const MOST = 5_000;
type State = { v: number | null; c: number | null; s: string; stale: boolean };
const short = (iri: string): string => /[^/#]*$/.exec(iri)?.[0] ?? iri;

interface Kept { layer: Layer; said: Map<string, number>; loaded: number; due: number }

export class Freshness {
  #kept = new Map<string, Kept>();
  #byType = new Map<string, Kept>();

  constructor(private readonly map: Pick<GlMap, 'getSource' | 'setFeatureState' | 'removeFeatureState' | 'refreshTiles'>) {}

  setLayers(layers: readonly Layer[], now: number): void {
    const old = this.#kept;
    this.#kept = new Map(layers.map((layer) => {
      const known = old.get(layer.id);
      return [layer.id, { layer, said: known?.said ?? new Map<string, number>(), loaded: known?.loaded ?? now, due: known?.due ?? Infinity }];
    }));
    this.#byType = new Map([...this.#kept.values()].flatMap((k) => k.layer.types.flatMap((t) => [[t, k], [short(t), k]] as [string, Kept][])));
  }

  change(changes: readonly Change[], now: number): void {
    for (const c of changes) {
      const kept = c.type ? this.#byType.get(c.type) : undefined;
      if (c.deleted) { this.#gone(c.id, now, kept); continue; }
      if (!kept || !this.map.getSource(sourceId(kept.layer.id))) continue;
      const state: Partial<State> = { stale: false };
      if (c.value !== undefined) { state.v = c.value; state.c = classOf(c.value, kept.layer.classes); }
      if (c.severity !== undefined) state.s = c.severity ?? '';
      this.map.setFeatureState({ source: sourceId(kept.layer.id), sourceLayer: THINGS, id: c.id }, state);
      kept.said.set(c.id, now);
      const wait = c.severity || kept.said.size > MOST || kept.layer.moving ? SOON : LATER;
      kept.due = Math.min(kept.due, kept.loaded + wait);
    }
  }

  /** Something is gone: its layer is known only if the change says so. */
  #gone(id: string, now: number, kept?: Kept): void {
    for (const k of kept ? [kept] : this.#kept.values()) if (kept || k.said.has(id)) k.due = Math.min(k.due, Math.max(now, k.loaded + SOON));
  }

  /** Loads again what is due; answers the layers it asked for. States that the new tiles know better are dropped by `settle`. */
  refresh(now: number): string[] {
    const asked: string[] = [];
    for (const [id, k] of this.#kept) {
      if (k.due > now || !this.map.getSource(sourceId(id))) continue;
      this.map.refreshTiles(sourceId(id));
      k.loaded = now;
      k.due = Infinity;
      asked.push(id);
    }
    return asked;
  }

  /** The tiles asked for are here: forget states from before they were asked for, but not what is marked. */
  settle(): void {
    for (const [id, k] of this.#kept) {
      for (const [thing, said] of k.said) {
        if (said >= k.loaded) continue;
        for (const key of ['v', 'c', 's', 'stale']) this.map.removeFeatureState({ source: sourceId(id), sourceLayer: THINGS, id: thing }, key);
        k.said.delete(thing);
      }
    }
  }

  /** Forget every state, as when the map shows another time. */
  clear(): void {
    for (const [id, k] of this.#kept) {
      if (this.map.getSource(sourceId(id))) this.map.removeFeatureState({ source: sourceId(id), sourceLayer: THINGS });
      k.said.clear();
      k.due = Infinity;
    }
  }
}
