import { describe, expect, it } from 'vitest';
import { bearing, graticule, metres, niceStep, overlaps, valid } from './geo';
import { classOf, legendOf, shapeOf, step } from './legend';
import { pickName, pickNames } from './names';
import { palettes } from './palette';
import { bySeverity, cluster, things, type PinInput } from './pins';
import { scaleOf } from './scale';
import { appear, move, place, resting } from './tween';

const pin = (id: string, x: number, y: number, severity: PinInput['severity'] = 'warning', target = id, since = '2026-01-01T00:00:00Z'): PinInput =>
  ({ id, target, severity, since, x, y, lon: 0, lat: 0, acknowledged: false });

describe('legend', () => {
  const air = { id: 'air', geometry: 'point' as const, classes: [{ max: 10 }, { max: 20 }, { max: null }] };
  it('puts a value into the first class whose limit it does not exceed, and the highest into the open one', () => {
    expect([-5, 10, 10.1, 20, 20.1, 1e9].map((v) => classOf(v, air.classes))).toEqual([0, 0, 1, 1, 2, 2]);
  });
  it('has no class for what has no value', () => {
    expect([null, undefined, NaN, Infinity].map((v) => classOf(v, air.classes))).toEqual([null, null, null, null]);
    expect(classOf(3, null)).toBeNull();
  });
  it('gives each class its limits, open at both ends', () => {
    expect(legendOf(air, 'light').classes.map((c) => [c.from, c.to])).toEqual([[null, 10], [10, 20], [20, null]]);
  });
  it('spreads few classes over the whole ramp and makes more larger', () => {
    const { classes } = legendOf(air, 'dark');
    expect(classes.map((c) => c.colour)).toEqual([palettes.dark.ramp[0], palettes.dark.ramp[2], palettes.dark.ramp[4]]);
    expect(classes.map((c) => c.radius)).toEqual([...classes.map((c) => c.radius)].sort((a, b) => a - b));
    expect([0, 1, 2, 3, 4].map((i) => step(i, 5))).toEqual([0, 1, 2, 3, 4]);
  });
  it('never shows a class in a colour that means an alarm', () => {
    for (const theme of ['light', 'dark'] as const) {
      const p = palettes[theme];
      for (const c of [...p.ramp, p.usual]) expect([p.critical, p.warning]).not.toContain(c);
    }
  });
  it('stays grey where one class takes everything', () => {
    expect(legendOf({ ...air, classes: [{ max: null }] }, 'light').classes).toEqual([]);
  });
  it('gives what moves a shape of its kind', () => {
    const of = (id: string, moving: boolean): string => shapeOf({ id, moving, geometry: 'point' });
    expect([of('drones', true), of('ships', true), of('transit-vehicles', true), of('air', false)]).toEqual(['drone', 'ship', 'vehicle', 'dot']);
  });
});

describe('what moves', () => {
  it('is half way at half time and stays where it arrived', () => {
    const bus = move(appear('b', [69, 41], 0, {}), [69.002, 41], 2000, true);
    expect(place(bus, 2000)).toEqual([69, 41]);
    expect(place(bus, 3000)[0]).toBeCloseTo(69.001, 9);
    expect(place(bus, 9000)).toEqual([69.002, 41]);
    expect([resting(bus, 3999), resting(bus, 4000)]).toEqual([false, true]);
  });
  it('goes on from where it is drawn when the next word comes early', () => {
    const bus = move(move(appear('b', [69, 41], 0, {}), [69.002, 41], 2000, true), [69.004, 41], 3000, true);
    expect(place(bus, 3000)[0]).toBeCloseTo(69.001, 9);
  });
  it('is at its place at once when motion is not wanted or when it jumped', () => {
    const still = appear('b', [69, 41], 0, {});
    expect(place(move(still, [69.002, 41], 10, false), 10)).toEqual([69.002, 41]);
    expect(place(move(still, [70, 41], 10, true), 10)).toEqual([70, 41]);
  });
  it('looks where it goes, and noise of its receiver does not turn it', () => {
    const east = move(appear('b', [69, 41], 0, {}), [69.002, 41], 1000, true);
    expect(east.heading).toBeCloseTo(90, 0);
    expect(move(east, [69.002, 41.00001], 9000, true).heading).toBeCloseTo(90, 0);
    expect(appear('b', [0, 0], 0, {}).heading).toBeNull();
  });
});

describe('pins', () => {
  it('become one where they would overlap, led by the worst', () => {
    const pins = cluster([pin('a', 0, 0, 'notice'), pin('b', 10, 0, 'critical'), pin('c', 200, 0)]);
    expect(pins.map((p) => [p.lead.id, things(p)])).toEqual([['b', 2], ['c', 1]]);
    expect([pins[0]?.x, pins[0]?.y]).toEqual([10, 0]);
  });
  it('come in order of severity, then of age', () => {
    const inputs = [pin('n', 0, 0, 'notice'), pin('w2', 100, 0, 'warning', 'w2', '2026-01-02T00:00:00Z'), pin('w1', 200, 0), pin('c', 300, 0, 'critical')];
    expect(cluster(inputs).map((p) => p.lead.id)).toEqual(['c', 'w1', 'w2', 'n']);
    expect([...inputs].reverse().sort(bySeverity)).toEqual([...inputs].sort(bySeverity));
  });
  it('leave the selected one alone', () => {
    expect(cluster([pin('a', 0, 0, 'critical'), pin('b', 5, 0), pin('c', 8, 0)], new Set(['b'])).map((p) => p.members.map((x) => x.id))).toEqual([['a', 'c'], ['b']]);
  });
  it('make two alarms of one thing one pin that stands for one thing', () => {
    const pins = cluster([pin('a1', 0, 0, 'warning', 'a'), pin('a2', 0, 0, 'critical', 'a')]);
    expect(pins).toHaveLength(1);
    expect([things(pins[0]!), pins[0]?.lead.id]).toEqual([1, 'a2']);
  });
  it('lose no alarm, however they lie', () => {
    const many = Array.from({ length: 200 }, (_, i) => pin(`p${i}`, (i * 37) % 301, (i * 53) % 211));
    expect(cluster(many).flatMap((p) => p.members.map((x) => x.id)).sort()).toEqual(many.map((x) => x.id).sort());
  });
});

describe('names', () => {
  it('fall back honestly', () => {
    const street = { name: 'улица Покровка', 'name:en': 'Pokrovka St' };
    expect([pickName(street, 'en'), pickName(street, 'ru'), pickName(street, 'zh')]).toEqual(['Pokrovka St', 'улица Покровка', 'Pokrovka St']);
    expect([pickName({}, 'en'), pickNames(null, 'en'), pickNames({ und: 'Ж-7' }, 'zh')]).toEqual([null, null, 'Ж-7']);
  });
});

describe('places', () => {
  it('are checked before they are drawn', () => {
    expect([[69, 41], [181, 0], [0, 91], [NaN, 0], null, 'x', [1]].map(valid)).toEqual([true, false, false, false, false, false, false]);
  });
  it('measure a degree', () => {
    expect(metres([0, 0], [0, 1])).toBeCloseTo(111_195, -2);
    expect([bearing([0, 0], [0, 1]), bearing([0, 0], [1, 0]), bearing([0, 0], [0, -1])].map(Math.round)).toEqual([0, 90, 180]);
    expect(overlaps([0, 0, 1, 1], [2, 2, 3, 3])).toBe(false);
  });
  it('get a grid of a bounded number of lines, whatever they span', () => {
    for (const size of [0.0001, 0.1, 3, 360]) expect(graticule([-size / 2, -size / 4, size / 2, size / 4]).features.length).toBeLessThan(400);
    expect([0.013, 0.02, 3, 7].map(niceStep).map((x) => Number(x.toPrecision(3)))).toEqual([0.02, 0.02, 5, 10]);
  });
  it('have a scale of a round length that fits', () => {
    for (let zoom = 2; zoom < 20; zoom += 0.7) {
      const { length, pixels } = scaleOf(zoom, 41, 96);
      expect(pixels).toBeLessThanOrEqual(96);
      expect(pixels).toBeGreaterThan(35);
      expect(String(length)).toMatch(/^0*\.?0*[125]0*$/);
    }
  });
});
