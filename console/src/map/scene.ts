/** Everything that is drawn with WebGL or on the canvas: one map, its data, and what keeps it fresh. */
import type { Map as GlMap, MapGeoJSONFeature, PointLike } from 'maplibre-gl';
import { api, type Change, type City, type Lang, type Layer, type LonLat } from '../lib/api';
import { pickName, pickNames } from '../mapdata/names';
import type { Theme } from '../mapdata/palette';
import { createMap, knowArchive } from './engine';
import { Fleet, MOST } from './fleet';
import { Freshness, SOON } from './fresh';
import { Overlay } from './overlay';
import { buildStyle } from './style';
import { hitIds, layerOf, sourceId, THINGS } from './things';

export interface Wish { city: City; layers: Layer[]; theme: Theme; lang: Lang; at: string | null }
export interface Hit { id: string | null; layer: Layer; name: string | null; value: number | null; count: number | null; stale: boolean; simulated: boolean; at: LonLat }

/** Things asked for at once. */
const PAGE = 1000;
/** One tile may fail; so many in a row are told to the reader. */
const ENOUGH = 3;
const live = (layer: Layer, at: string | null): boolean => layer.moving && at === null && layer.count <= MOST;

export class Scene {
  readonly map: GlMap;
  readonly fleet = new Fleet();
  readonly #overlay: Overlay;
  readonly #fresh: Freshness;
  #wish: Wish;
  #key = '';
  #tiled: Layer[] = [];
  #marked = new Set<string>();
  #timer: ReturnType<typeof setInterval>;
  #lists = new AbortController();
  #styled = false;
  /** Sources whose tiles failed, and when they are asked for again. */
  #broken = new Map<string, number>();
  #errors = 0;
  /** It was said that tiles are missing; it is not said again until all were there once. */
  #told = false;
  /** Lists of moving layers that are still being read. */
  #reading = 0;

  /** Throws where there is no WebGL 2. */
  constructor(container: HTMLElement, wish: Wish, label: string, private readonly origin: string, private readonly onfail: () => void) {
    this.#wish = wish;
    this.fleet.smooth = !matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (wish.city.basemap) knowArchive(new URL(wish.city.basemap.url, origin).href);
    this.#tiled = wish.layers.filter((l) => !live(l, wish.at));
    this.#key = this.#keyOf(wish);
    this.map = createMap(container, this.#style(), label, wish.city.basemap?.attribution ?? null);
    this.#overlay = new Overlay(this.map, this.fleet);
    this.#fresh = new Freshness(this.map);
    this.map.on('style.load', () => { this.#styled = true; this.#remark(new Set()); });
    this.map.on('error', (e) => { this.#failed(e); });
    this.map.on('idle', () => { this.#fresh.settle(); if (this.#broken.size === 0) { this.#errors = 0; this.#told = false; } });
    this.#timer = setInterval(() => { this.#turn(); }, 1000);
    this.#sort();
  }

  #style(): ReturnType<typeof buildStyle> { return buildStyle({ ...this.#wish, layers: this.#tiled, origin: this.origin }); }
  #keyOf(w: Wish): string {
    return JSON.stringify([w.theme, w.lang, w.at, w.city.basemap?.url, w.city.bounds, w.layers.map((l) => [l.id, l.geometry, l.classes, live(l, w.at)])]);
  }
  #failed(e: { error?: unknown; sourceId?: string }): void {
    if (e.error instanceof Error && e.error.name === 'AbortError') return;
    if (e.sourceId === undefined || !/^(base|data-)/.test(e.sourceId)) return;
    this.#broken.set(e.sourceId, this.#broken.get(e.sourceId) ?? performance.now() + SOON);
    this.#errors++;
    if (this.#told || (e.sourceId !== 'base' && this.#errors < ENOUGH)) return;
    this.#told = true;
    this.onfail();
  }
  /** Asks again for the tiles of a source that failed, and for those that are due. */
  #turn(): void {
    if (document.hidden || !this.#styled) return;
    const now = performance.now();
    for (const [source, when] of this.#broken) {
      if (when > now) continue;
      this.#broken.delete(source);
      if (this.map.getSource(source)) this.map.refreshTiles(source);
    }
    if (this.#wish.at === null) this.#fresh.refresh(now);
  }

  /** Shows something else; what stays the same stays as it is. */
  show(wish: Wish): void {
    const before = this.#wish;
    this.#wish = wish;
    const key = this.#keyOf(wish);
    if (key === this.#key) return;
    this.#key = key;
    if (wish.city.basemap) knowArchive(new URL(wish.city.basemap.url, this.origin).href);
    if (before.at !== wish.at) this.#fresh.clear();
    this.#tiled = wish.layers.filter((l) => !live(l, wish.at));
    this.map.setStyle(this.#style(), { diff: true, validate: false });
    this.#sort();
    this.#remark(new Set());
  }

  /** Which layers live as tiles and which as moving things. */
  #sort(): void {
    this.#fresh.setLayers(this.#tiled, performance.now());
    const moving = this.#wish.layers.filter((l) => live(l, this.#wish.at));
    for (const id of this.fleet.setLayers(moving)) void this.#read(id);
    this.#overlay.set(this.#wish.theme, moving, this.#marked);
  }
  async #read(layer: string): Promise<void> {
    this.#reading++;
    try {
      let after: string | undefined;
      for (let pages = 0; pages < Math.ceil(MOST / PAGE); pages++) {
        const page = await api.list({ layer, limit: PAGE, ...(after ? { after } : {}) }, this.#lists.signal);
        this.fleet.list(layer, page.items, performance.now());
        this.#overlay.wake();
        if (!page.next) break;
        after = page.next;
      }
    } catch { if (!this.#lists.signal.aborted) this.onfail(); } finally { this.#reading--; }
  }
  get complete(): boolean { return this.#styled && this.#reading === 0; }

  change(changes: readonly Change[]): void {
    if (this.#wish.at !== null) return;
    const now = performance.now();
    if (this.fleet.change(changes, now)) this.#overlay.wake();
    if (this.#styled) this.#fresh.change(changes, now);
  }

  /** Rings these things, wherever they are drawn. */
  mark(ids: Set<string>): void {
    const before = this.#marked;
    this.#marked = ids;
    this.#remark(before);
    this.#overlay.set(this.#wish.theme, this.#wish.layers.filter((l) => live(l, this.#wish.at)), ids);
  }
  #remark(before: Set<string>): void {
    if (!this.#styled) return;
    for (const layer of this.#tiled) {
      const source = sourceId(layer.id);
      if (!this.map.getSource(source)) continue;
      for (const id of before) if (!this.#marked.has(id)) this.map.setFeatureState({ source, sourceLayer: THINGS, id }, { mark: false });
      for (const id of this.#marked) this.map.setFeatureState({ source, sourceLayer: THINGS, id }, { mark: true });
    }
  }

  /** What is under the pointer: what moves lies above what stands. */
  hit(x: number, y: number): Hit | null {
    const moving = this.#overlay.hit(x, y);
    const layer = moving && this.#wish.layers.find((l) => l.id === moving.layer);
    if (moving && layer) {
      const v = moving.properties.v;
      return { id: moving.id, layer, name: pickNames(moving.properties.names as Record<string, string>, this.#wish.lang), value: typeof v === 'number' ? v : null, count: null, stale: moving.stale, simulated: false, at: moving.at };
    }
    if (!this.#styled) return null;
    const layers = this.#tiled.flatMap((l) => hitIds(l.id)).filter((id) => this.map.getLayer(id));
    const box: [PointLike, PointLike] = [[x - 4, y - 4], [x + 4, y + 4]];
    const found = layers.length ? this.map.queryRenderedFeatures(box, { layers }) : [];
    return found[0] ? this.#hitOf(found[0], x, y) : null;
  }
  #hitOf(f: MapGeoJSONFeature, x: number, y: number): Hit | null {
    const layer = this.#tiled.find((l) => l.id === layerOf(f.layer.id));
    if (!layer) return null;
    const p = f.properties as Record<string, unknown>;
    const v = f.state?.v ?? p.v;
    const g = f.geometry;
    const at: LonLat = g.type === 'Point' ? [g.coordinates[0] ?? 0, g.coordinates[1] ?? 0] : (this.map.unproject([x, y]).toArray() as LonLat);
    return {
      id: typeof p.id === 'string' ? p.id : null, layer, name: pickName(p, this.#wish.lang), value: typeof v === 'number' ? v : null,
      count: typeof p.n === 'number' ? p.n : null, stale: (f.state?.stale ?? p.stale) === true, simulated: p.sim === true, at,
    };
  }

  remove(): void {
    clearInterval(this.#timer);
    this.#lists.abort();
    this.#overlay.remove();
    this.map.remove();
  }
}
