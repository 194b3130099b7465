import { describe, expect, it } from 'vitest';
import { difference } from '../../src/lib/activity';
import type { Attention, Now, Series } from '../../src/lib/api';
import { middle } from '../../src/lib/place';
import { columns, csv, summary } from '../../src/lib/series';
import { format, parse, parseView } from '../../src/lib/url';

describe('the address', () => {
  it('is the state, there and back', () => {
    const state = { sel: 'urn:ngsi-ld:Bench:navrud:b 1&x', t: '2026-11-22T05:40:00.000Z', z: { z: 13.25, lat: 41.9, lon: 66.1 }, layers: ['air', 'traffic'], lang: 'ru' as const };
    expect(parse(format(state))).toEqual(state);
    expect(format(state)).toContain('t=2026-11-22T05:40:00.000Z&z=13.25/41.9/66.1&layers=air,traffic');
  });
  it('keeps an empty choice of layers apart from none made', () => {
    expect(parse('?layers=').layers).toEqual([]);
    expect(parse('').layers).toBeNull();
    expect(parse(format({ sel: null, t: null, z: null, layers: [], lang: null })).layers).toEqual([]);
  });
  it('with nonsense in it is taken as far as it makes sense', () => {
    expect(parse('?t=yesterday&z=1/2&lang=xx&sel=')).toEqual({ sel: null, t: null, z: null, layers: null, lang: null });
    expect([parseView('12/91/0'), parseView('a/b/c'), parseView(null), parseView('30/0/0')]).toEqual([null, null, null, null]);
  });
});

const series: Series = { attribute: 'speed', unit: 'KMH', from: '', to: '', raw: 4, simulated: false, points: [[1_000, 5], [2_000, null], [3_000, 9], [4_000, 2]], usual: [[1_000, 4, 8], [2_500, 5, 9]] };
describe('a series', () => {
  it('keeps a gap as a gap, and joins over times that only the band has', () => {
    expect(columns(series)).toEqual([[1, 2, 2.5, 3, 4], [4, undefined, 5, undefined, undefined], [8, undefined, 9, undefined, undefined], [5, null, undefined, 9, 2]]);
  });
  it('is told by its least, greatest and last, and where that lies', () => {
    expect(summary(series)).toEqual({ min: 2, max: 9, now: 2, at: 4_000, place: 'below' });
    expect(summary({ ...series, points: [[1, null]] })).toBeNull();
    expect(summary({ ...series, usual: [] })?.place).toBeNull();
  });
  it('as a file has a head, quotes what needs it, and one row a time', () => {
    const rows = csv(series, ['Time', 'a, "b"', 'l', 'h']).split('\r\n');
    expect(rows[0]).toBe('Time,"a, ""b""",l,h');
    expect(rows[1]).toBe('1970-01-01T00:00:01.000Z,5,4,8');
    expect(rows).toHaveLength(6);
  });
});

describe('what happened', () => {
  const item = (id: string, acknowledged: Attention['acknowledged'] = null): Attention =>
    ({ id, severity: 'warning', code: 'x', params: {}, entity: null, type: null, attribute: null, name: null, location: null, since: '', acknowledged, simulated: false });
  const now = (attention: Attention[], state: 'live' | 'late'): Now =>
    ({ time: '', seq: 1, counts: { critical: 0, warning: 0, notice: 0 }, measures: [], attention, feeds: [{ name: 'air', state, lagSeconds: 1, expectedEverySeconds: 1, simulated: false, lastError: null }], freshness: { newestSeconds: 1, lateFeeds: 0 } });
  it('is nothing at the first look, then each change once', () => {
    const before = now([item('a'), item('b')], 'live');
    expect(difference(null, before)).toEqual([]);
    const by = { at: '', by: 'me' };
    expect(difference(before, now([item('b', by), item('c')], 'late')).map((e) => ('item' in e ? `${e.kind} ${e.item.id}` : 'feed' in e ? `${e.feed} ${e.state}` : e.kind))).toEqual(['acknowledged b', 'raised c', 'cleared a', 'air late']);
  });
});

it('the middle of a shape is that of what it covers', () => {
  expect(middle({ type: 'Polygon', coordinates: [[[0, 0], [4, 0], [4, 2], [0, 0]]] })).toEqual([2, 1]);
  expect(middle({ type: 'Point', coordinates: [66.1, 41.9] })).toEqual([66.1, 41.9]);
  expect(middle(null)).toBeNull();
});
