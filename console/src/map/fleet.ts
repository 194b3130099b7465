/** What moves: where each thing of the moving layers is now. Knows nothing of the screen. */
import type { Change, Layer, ListItem, Severity } from '../lib/api';
import { valid, type LonLat } from '../mapdata/geo';
import { classOf, shapeOf, type Shape } from '../mapdata/legend';
import { appear, move, place, resting, type Mover } from '../mapdata/tween';

/** More than this in a layer are drawn from tiles: they stand still between two of them. */
export const MOST = 5_000;
/** Not heard of for so long, in milliseconds, a thing is drawn hollow. */
export const SILENT = 600_000;

export interface Seen { id: string; layer: string; shape: Shape; at: LonLat; heading: number | null; classIndex: number | null; severity: Severity | null; stale: boolean; properties: Record<string, unknown> }
const short = (iri: string): string => /[^/#]*$/.exec(iri)?.[0] ?? iri;

export class Fleet {
  #layers = new Map<string, { layer: Layer; things: Map<string, Mover> }>();
  #byType = new Map<string, string>();
  smooth = true;

  /** Keeps what it knows of layers that stay, forgets the others; answers the ids that are new. */
  setLayers(layers: readonly Layer[]): string[] {
    const wanted = new Set(layers.map((l) => l.id));
    for (const id of this.#layers.keys()) if (!wanted.has(id)) this.#layers.delete(id);
    const fresh = layers.filter((l) => !this.#layers.has(l.id));
    for (const layer of layers) this.#layers.set(layer.id, { layer, things: this.#layers.get(layer.id)?.things ?? new Map() });
    this.#byType = new Map(layers.flatMap((l) => l.types.flatMap((t) => [[t, l.id], [short(t), l.id]] as [string, string][])));
    return fresh.map((l) => l.id);
  }

  /** What a list of the node says of a layer; a live word that came in the meantime is newer and stays. */
  list(layer: string, items: readonly ListItem[], now: number): void {
    const things = this.#layers.get(layer)?.things;
    if (!things) return;
    for (const item of items) {
      if (!valid(item.location) || things.has(item.id) || things.size >= MOST) continue;
      const age = (item.ageSeconds ?? 0) * 1000;
      const properties = { names: item.names, v: item.value, s: item.severity };
      things.set(item.id, { ...appear(item.id, item.location, now, properties), heard: now - age });
    }
  }

  /** Live words; true when something is to be drawn anew. */
  change(changes: readonly Change[], now: number): boolean {
    let any = false;
    for (const c of changes) {
      if (c.deleted) { for (const { things } of this.#layers.values()) any = things.delete(c.id) || any; continue; }
      const things = this.#layers.get(this.#byType.get(c.type ?? '') ?? '')?.things;
      if (!things) continue;
      const known = things.get(c.id);
      const at = valid(c.location) ? c.location : known?.to;
      if (!at || (!known && things.size >= MOST)) continue;
      const names = typeof c.name === 'string' ? { und: c.name } : c.name;
      const properties = { ...known?.properties, ...(names ? { names } : {}), ...(c.value !== undefined ? { v: c.value } : {}), ...(c.severity !== undefined ? { s: c.severity } : {}) };
      things.set(c.id, { ...(known ? move(known, at, now, this.smooth) : appear(c.id, at, now, {})), properties });
      any = true;
    }
    return any;
  }

  restless(now: number): boolean {
    for (const { things } of this.#layers.values()) for (const m of things.values()) if (!resting(m, now)) return true;
    return false;
  }

  find(id: string, now: number): LonLat | null {
    for (const { things } of this.#layers.values()) { const m = things.get(id); if (m) return place(m, now); }
    return null;
  }

  *seen(now: number): Iterable<Seen> {
    for (const { layer, things } of this.#layers.values()) {
      const shape = shapeOf(layer);
      for (const m of things.values()) {
        yield {
          id: m.id, layer: layer.id, shape, at: place(m, now), heading: m.heading, properties: m.properties,
          classIndex: classOf(m.properties.v as number | null, layer.classes), severity: (m.properties.s as Severity | null) ?? null, stale: now - m.heard > SILENT,
        };
      }
    }
  }
  get size(): number { let n = 0; for (const { things } of this.#layers.values()) n += things.size; return n; }
}
