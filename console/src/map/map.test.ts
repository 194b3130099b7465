import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { describe, expect, it, vi } from 'vitest';
import type { Layer, ListItem } from '../lib/api';
import { Fleet, MOST } from './fleet';
import { Freshness, LATER, SOON } from './fresh';
import { centreOf } from './place';
import { buildStyle, type Sight } from './style';
import { layerOf, sourceId } from './things';

const layer = (id: string, more: Partial<Layer> = {}): Layer => ({
  id, types: [`https://smart-data-models.example/${id}Type`], group: 'other', short: id, count: 3, geometry: 'point', attribute: null,
  classes: [{ max: 10 }, { max: null }], moving: false, updatedAt: null, ...more,
});
const basemap = { url: '/console/basemap/a.pmtiles?v=1', bounds: [60, 40, 61, 41] as [number, number, number, number], minzoom: 6, maxzoom: 15, attribution: '© OpenStreetMap contributors' };
const sight = (more: Partial<Sight> = {}): Sight => ({
  city: { basemap, bounds: [60, 40, 61, 41], centre: null }, layers: [layer('air'), layer('roads', { geometry: 'line', classes: null }), layer('zones', { geometry: 'polygon' })],
  theme: 'light', lang: 'en', at: null, origin: 'https://node.example', ...more,
});

describe('the style', () => {
  it.each([{}, { theme: 'dark' as const, lang: 'zh' as const }, { lang: 'ru' as const, at: '2026-01-01T00:00:00Z' }, { city: { basemap: null, bounds: null, centre: null }, layers: [] }])(
    'keeps to the specification: %j', (more) => { expect(validateStyleMin(buildStyle(sight(more)))).toEqual([]); });
  it('asks no one but the node', () => {
    const { layers: _, ...rest } = buildStyle(sight());
    const urls = JSON.stringify(rest).match(/https?:\/\/[^"/]+/g) ?? [];
    expect(urls.length).toBeGreaterThan(100);
    expect(new Set(urls)).toEqual(new Set(['https://node.example']));
    expect(rest.glyphs).toBeUndefined();
  });
  it('covers Latin, Cyrillic and Chinese letters with font files', () => {
    const ranges = Object.values(buildStyle(sight())['font-faces']!).flat().flatMap((f) => (typeof f === 'string' ? [] : (f['unicode-range'] ?? [])));
    const covered = (letter: string): boolean => ranges.some((r) => {
      const [from, to] = r.replace(/^U\+/i, '').split('-').map((h) => parseInt(h, 16));
      const code = letter.codePointAt(0)!;
      return code >= from! && code <= (to ?? from!);
    });
    for (const letter of 'AzЯяЁё№Ўғ纳夫鲁德桥。') expect(covered(letter), letter).toBe(true);
  });
  it('asks for the time that is looked at', () => {
    const tiles = (at: string | null): string[] => (buildStyle(sight({ at })).sources[sourceId('air')] as { tiles: string[] }).tiles;
    expect(tiles(null)[0]).toBe('https://node.example/console/tiles/air/{z}/{x}/{y}.mvt');
    expect(tiles('2026-01-01T00:00:00Z')[0]).toMatch(/\?t=2026-01-01T00%3A00%3A00Z$/);
  });
  it('stands on a grid without a basemap', () => {
    const { sources, layers } = buildStyle(sight({ city: { basemap: null, bounds: [60, 40, 61, 41], centre: null } }));
    expect(Object.keys(sources)).not.toContain('base');
    expect(layers.map((l) => l.id)).toEqual(expect.arrayContaining(['land', 'grid', 'extent']));
  });
  it('draws points above lines above areas, in whatever order the layers come', () => {
    const ids = buildStyle(sight()).layers.map((l) => l.id);
    expect(ids.indexOf('data-zones-area')).toBeLessThan(ids.indexOf('data-roads-line'));
    expect(ids.indexOf('data-roads-line')).toBeLessThan(ids.indexOf('data-air-point'));
    expect(ids.indexOf('building')).toBeLessThan(ids.indexOf('data-zones-area'));
    expect([layerOf('data-transit-vehicles-point'), layerOf('data-air-cluster'), layerOf('water')]).toEqual(['transit-vehicles', 'air', null]);
  });
});

describe('the fleet', () => {
  const bus = layer('buses', { moving: true });
  const item = (id: string, location: ListItem['location']): ListItem => ({ id, type: '', short: '', names: { en: id }, location, value: null, unit: null, severity: null, ageSeconds: 0, simulated: true });
  it('knows things by the list, by the stream, and forgets the deleted', () => {
    const fleet = new Fleet();
    expect(fleet.setLayers([bus])).toEqual(['buses']);
    fleet.list('buses', [item('a', [60, 40]), item('bad', [600, 40]), item('none', null)], 0);
    fleet.change([{ id: 'b', type: bus.types[0]!, location: [60.1, 40] }, { id: 'x', type: 'Other', location: [60, 40] }], 0);
    expect([...fleet.seen(0)].map((s) => s.id)).toEqual(['a', 'b']);
    expect(fleet.change([{ id: 'a', deleted: true }], 1)).toBe(true);
    expect(fleet.size).toBe(1);
  });
  it('does not let an old list undo a newer word', () => {
    const fleet = new Fleet();
    fleet.setLayers([bus]);
    fleet.change([{ id: 'a', type: 'busesType', location: [60.5, 40], value: 12 }], 5);
    fleet.list('buses', [item('a', [60, 40])], 6);
    expect(fleet.find('a', 6)).toEqual([60.5, 40]);
    expect([...fleet.seen(6)][0]?.classIndex).toBe(1);
  });
  it('stays bounded', () => {
    const fleet = new Fleet();
    fleet.setLayers([bus]);
    fleet.change(Array.from({ length: MOST + 50 }, (_, i) => ({ id: `v${i}`, type: 'busesType', location: [60, 40] as [number, number] })), 0);
    expect(fleet.size).toBe(MOST);
    expect(fleet.setLayers([])).toEqual([]);
    expect(fleet.size).toBe(0);
  });
  it('rests when everything has arrived', () => {
    const fleet = new Fleet();
    fleet.setLayers([bus]);
    fleet.change([{ id: 'a', type: 'busesType', location: [60, 40] }], 0);
    expect(fleet.restless(0)).toBe(false);
    fleet.change([{ id: 'a', type: 'busesType', location: [60.001, 40] }], 1000);
    expect([fleet.restless(1500), fleet.restless(2000)]).toEqual([true, false]);
  });
});

describe('freshness', () => {
  const made = (): { fresh: Freshness; map: Record<'getSource' | 'setFeatureState' | 'removeFeatureState' | 'refreshTiles', ReturnType<typeof vi.fn>> } => {
    const map = { getSource: vi.fn(() => ({})), setFeatureState: vi.fn(), removeFeatureState: vi.fn(), refreshTiles: vi.fn() };
    const fresh = new Freshness(map as never);
    fresh.setLayers([layer('air')], 0);
    return { fresh, map };
  };
  it('changes a value without loading a tile', () => {
    const { fresh, map } = made();
    fresh.change([{ id: 'a', type: 'airType', value: 12, severity: null }], 1);
    expect(map.setFeatureState).toHaveBeenCalledWith({ source: 'data-air', sourceLayer: 'things', id: 'a' }, { stale: false, v: 12, c: 1, s: '' });
    expect(fresh.refresh(SOON + 1)).toEqual([]);
    expect(fresh.refresh(LATER + 1)).toEqual(['air']);
  });
  it('loads tiles at most every ten seconds, however much is said', () => {
    const { fresh, map } = made();
    for (let t = 0; t < 60_000; t += 500) { fresh.change([{ id: `a${t}`, type: 'airType', value: 1, severity: 'critical' }], t); fresh.refresh(t); }
    expect(map.refreshTiles.mock.calls.length).toBeLessThanOrEqual(6);
    expect(map.refreshTiles.mock.calls.length).toBeGreaterThanOrEqual(5);
  });
  it('forgets what the new tiles know better, and keeps what was said since', () => {
    const { fresh, map } = made();
    fresh.change([{ id: 'old', type: 'airType', value: 1, severity: 'critical' }], 1);
    fresh.refresh(SOON);
    fresh.change([{ id: 'new', type: 'airType', value: 2 }], SOON + 1);
    fresh.settle();
    expect(new Set(map.removeFeatureState.mock.calls.map(([f]) => (f as { id: string }).id))).toEqual(new Set(['old']));
  });
});

describe('the middle of a shape', () => {
  it('is found for every kind, and for none there is none', () => {
    expect(centreOf({ type: 'Point', coordinates: [1, 2] })).toEqual([1, 2]);
    expect(centreOf({ type: 'Polygon', coordinates: [[[0, 0], [2, 0], [2, 4], [0, 0]]] })).toEqual([1, 2]);
    expect([centreOf(null), centreOf({ type: 'LineString', coordinates: [] })]).toEqual([null, null]);
  });
});
