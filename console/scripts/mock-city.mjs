// The invented city of the mock. Only the console is tested with it; no figure here means anything.
const D = 'https://smartdatamodels.org/dataModel.';
const NAMES = { en: ['River Street', 'Bazaar Square', 'Station Road', 'Old Gate', 'Garden Lane', 'Port Avenue', 'University', 'Museum Hill', 'North Market', 'Silk Road'],
  ru: ['Речная улица', 'Базарная площадь', 'Вокзальная улица', 'Старые ворота', 'Садовый переулок', 'Портовый проспект', 'Университет', 'Музейный холм', 'Северный рынок', 'Шёлковый путь'],
  zh: ['河滨街', '集市广场', '车站路', '老城门', '花园巷', '港口大道', '大学', '博物馆山', '北市场', '丝绸之路'] };
const KINDS = [
  { layer: 'traffic', group: 'mobility', type: 'TrafficFlowObserved', model: 'Transportation', attribute: 'averageVehicleSpeed', unit: 'KMH', mid: 32, swing: 12, n: 140, classes: [15, 25, 35, 45] },
  { layer: 'transit-vehicles', group: 'mobility', type: 'Vehicle', model: 'Transportation', attribute: 'passengers', unit: null, mid: 30, swing: 18, n: 90, moving: true, classes: [10, 25, 45] },
  { layer: 'parking', group: 'mobility', type: 'OffStreetParking', model: 'Parking', attribute: 'availableSpotNumber', unit: null, mid: 80, swing: 50, n: 36, classes: [20, 60, 120] },
  { layer: 'air', group: 'environment', type: 'AirQualityObserved', model: 'Environment', attribute: 'pm25', unit: 'GQ', mid: 22, swing: 9, n: 24, classes: [10, 20, 35, 55] },
  { layer: 'weather', group: 'environment', type: 'WeatherObserved', model: 'Weather', attribute: 'temperature', unit: 'CEL', mid: 11, swing: 6, n: 6, classes: [0, 10, 20] },
  { layer: 'benches', group: 'places', type: 'Bench', model: 'Parks', attribute: 'batteryLevel', unit: 'P1', mid: 66, swing: 20, n: 240, classes: [25, 50, 75] },
  { layer: 'ships', group: 'port', type: 'Vessel', model: 'MarineTransport', attribute: 'speedOverGround', unit: 'KNT', mid: 6, swing: 4, n: 9, moving: true, classes: null },
  { layer: 'drones', group: 'air', type: 'UAV', model: 'UnmannedAerialVehicle', attribute: 'altitude', unit: 'MTR', mid: 90, swing: 20, n: 14, moving: true, classes: null },
];
const MEASURES = [['traffic-speed', 'KMH', 24, 32, 'warning', 0], ['vehicles-moving', null, 418, 405, 'usual', 0], ['passengers', null, 6120, 5900, 'usual', 0], ['air-pm25', 'GQ', 41, 22, 'critical', 0], ['parking-free', 'P1', 38, 41, 'usual', 0], ['grid-load', 'P1', 71, 68, 'usual', 0], ['berths-used', null, 7, 6, 'usual', 0], ['fresh-data', 'P1', 98, 99, 'usual', 0]];
const HOUR = 3_600_000;
const centre = [66.1, 41.9];
const wave = (seed, ms) => Math.sin(ms / (4 * HOUR) + seed) * 0.6 + Math.sin(ms / (0.7 * HOUR) + seed * 7) * 0.25 + Math.sin(ms / 61_000 + seed * 3) * 0.15;
const iso = (ms) => new Date(ms).toISOString();
const kpi = (id) => `urn:ngsi-ld:KeyPerformanceIndicator:navrud:${id}`;
const iri = (kind) => `${D}${kind.model}/${kind.attribute}`;

export class City {
  seq = 1_000;
  #things = [];
  #acknowledged = new Map();
  #extra = [];
  #listeners = [];
  #loading = null;
  #started = Date.now();

  constructor(mode) {
    this.mode = mode;
    if (mode !== 'empty') this.#build();
    if (mode === 'burst') setTimeout(() => this.raise(5), 5_000);
  }
  #build() {
    let seed = 7;
    const random = () => ((seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647);
    for (const kind of KINDS) for (let i = 0; i < kind.n; i += 1) {
      const k = i % 10;
      const tail = i >= 10 ? ` ${Math.floor(i / 10) + 1}` : '';
      this.#things.push({ kind, i, seed: random() * 60, lon: centre[0] + (random() - 0.5) * 0.12, lat: centre[1] + (random() - 0.5) * 0.07,
        id: `urn:ngsi-ld:${kind.type}:navrud:${kind.layer}-${i}`, names: { en: NAMES.en[k] + tail, ru: NAMES.ru[k] + tail, zh: NAMES.zh[k] + tail } });
    }
  }
  #value(thing, ms) { return Number((thing.kind.mid + wave(thing.seed, ms) * thing.kind.swing * 0.5).toFixed(1)); }
  #at(thing, ms) {
    if (!thing.kind.moving) return [thing.lon, thing.lat];
    const turn = ms / 240_000 + thing.seed;
    return [Number((thing.lon + Math.cos(turn) * 0.008).toFixed(6)), Number((thing.lat + Math.sin(turn) * 0.005).toFixed(6))];
  }
  onCity(told) { this.#listeners.push(told); }
  load(what) {
    this.#loading = { what, stage: 'building', done: 0, total: 20, error: null };
    const turn = setInterval(() => {
      this.#loading = { ...this.#loading, done: this.#loading.done + 1, stage: this.#loading.done > 10 ? 'basemap' : 'building' };
      if (this.#loading.done >= 20) { clearInterval(turn); this.#loading = null; this.mode = ''; this.#build(); }
      this.#listeners.forEach((tell) => tell());
    }, 250);
  }
  about() {
    const some = this.#things.length > 0;
    return { name: some ? { en: 'Navrud', ru: 'Навруд', zh: '纳夫鲁德' } : null, simulated: some, bounds: some ? [66.03, 41.86, 66.17, 41.94] : null, centre: some ? centre : null, zone: 'Asia/Tashkent',
      speed: 1, basemap: null, entities: this.#things.length, now: iso(Date.now()), seq: this.seq, empty: !some, loading: this.#loading, version: '0.1.0' };
  }
  #attention() {
    const t = this.#things;
    const by = (layer, i) => t.filter((one) => one.kind.layer === layer)[i];
    const on = (id, severity, code, thing, params, minutes) => ({ id, severity, code, params, entity: thing?.id ?? null, type: thing ? `${D}${thing.kind.model}/${thing.kind.type}` : null, attribute: thing && code.startsWith('value') ? iri(thing.kind) : null,
      name: thing?.names ?? null, location: thing ? this.#at(thing, Date.now()) : null, since: iso(this.#started - minutes * 60_000), acknowledged: this.#acknowledged.get(id) ?? null, simulated: Boolean(thing) });
    if (!t.length) return [];
    return [
      on('a1', 'critical', 'value-high', by('air', 3), { attribute: 'pm25', value: 88, unit: 'GQ', low: 14, high: 35 }, 12),
      on('a2', 'critical', 'feed-failing', null, { feed: 'parking', reason: 'connection refused' }, 31),
      on('a3', 'warning', 'value-low', by('traffic', 4), { attribute: 'averageVehicleSpeed', value: 7.2, unit: 'KMH', low: 24, high: 41 }, 4),
      ...this.#extra.map((n) => on(`x${n}`, 'warning', 'value-low', by('traffic', 20 + n), { attribute: 'averageVehicleSpeed', value: 9, unit: 'KMH', low: 24, high: 41 }, 0)),
      on('a4', 'warning', 'measure-low', null, { measure: 'traffic-speed', value: 24, low: 28, high: 37 }, 9),
      on('a5', 'warning', 'device-silent', by('air', 7), { lastSeconds: 1_900, expectedSeconds: 120, count: 1 }, 48),
      on('a6', 'notice', 'feed-late', null, { feed: 'benches', lagSeconds: 640, expectedSeconds: 180 }, 62),
    ];
  }
  raise(n) { for (let i = 0; i < n; i += 1) this.#extra.push(this.#extra.length + 1); }
  acknowledge(id, on) {
    if (!this.#attention().some((item) => item.id === id)) return false;
    if (on) this.#acknowledged.set(id, { at: iso(Date.now()), by: 'operator' });
    else this.#acknowledged.delete(id);
    return true;
  }
  now() {
    const now = Date.now();
    const attention = this.#attention();
    const count = (severity) => attention.filter((item) => item.severity === severity && !item.acknowledged).length;
    const measures = !this.#things.length ? [] : MEASURES.map(([id, unit, value, mid, status, digits], k) => ({ id, entity: kpi(id), attribute: `${D}KeyPerformanceIndicator/kpiValue`, unit, value: Number((value * (1 + wave(k, now) * 0.004)).toFixed(1)), usual: { low: mid * 0.9, mid, high: mid * 1.1 }, status, digits,
      spark: Array.from({ length: 60 }, (_, i) => { const at = now - (59 - i) * 24 * 60_000; return [at, Number((mid * (1 + wave(k, at) * 0.15) + (i > 52 ? ((value - mid) * (i - 52)) / 7 : 0)).toFixed(1))]; }), simulated: true, at: iso(now), ageSeconds: this.mode === 'late' && k === 4 ? 840 : 8, stale: this.mode === 'late' && k === 4, entities: 40 }));
    return { time: iso(now), seq: this.seq, counts: { critical: count('critical'), warning: count('warning'), notice: count('notice') }, measures, attention, feeds: this.#feeds(), freshness: { newestSeconds: 1, lateFeeds: 1 } };
  }
  #feeds() {
    const feed = (name, state, lagSeconds, expectedEverySeconds, lastError = null) => ({ name, state, lagSeconds, expectedEverySeconds, simulated: true, lastError });
    return this.#things.length ? [feed('traffic', 'live', 4, 60), feed('air', 'live', 31, 120), feed('vehicles', 'live', 1, 10), feed('benches', 'late', 640, 180), feed('parking', 'failing', 1_860, 60, { at: iso(Date.now() - 60_000), reason: 'connection refused by broker.example:1883' })] : [];
  }
  tables() {
    const column = (name, type, nullable = true) => ({ name, type, nullable, description: null });
    return [
      { schema: 'public', name: 'entity', description: 'What is now: one row an entity', rows: 12_480, columns: [column('id', 'text', false), column('type', 'text', false), column('modified_at', 'timestamp', false), column('location', 'text')] },
      { schema: 'public', name: 'history', description: 'What was: one row an instance of an attribute', rows: 104_300_211, columns: [column('entity', 'text', false), column('attribute', 'text', false), column('time', 'timestamp', false), column('number', 'float')] },
      { schema: 'now', name: 'AirQualityObserved', description: null, rows: 40, columns: [column('id', 'text', false), column('NO2', 'float')] },
    ];
  }
  /** Invented rows; a question with the word `wrong` is refused. */
  sql(query) {
    if (/wrong/.test(query)) return { title: 'Invalid request', status: 400, detail: 'line 1, column 8: there is no column "wrong"; did you mean "type"?', line: 1, column: 8 };
    const rows = Array.from({ length: 250 }, (_, i) => [new Date(Date.now() - i * 3_600_000).toISOString(), i % 2 ? 'NO2' : 'temperature', 20 + 10 * Math.sin(i / 5), i % 17 ? 288 - (i % 5) : null]);
    return { columns: [{ name: 'day', type: 'timestamp', nullable: false }, { name: 'attribute', type: 'text', nullable: false }, { name: 'mean', type: 'float', nullable: true }, { name: 'readings', type: 'int', nullable: true }], rows, rowCount: rows.length, truncated: true, elapsedMs: 412, historyUntil: new Date().toISOString() };
  }
  feeds() {
    return this.#feeds().map((f, i) => ({ name: f.name, definition: {}, health: { ...f, kind: i === 4 ? 'mqtt' : i === 2 ? 'poll' : 'listener', received: 48_210 - i * 7_000, accepted: 48_201 - i * 7_000, refused: i === 0 ? 9 : 0, bytes: 9e6, lastReadingAt: iso(Date.now() - f.lagSeconds * 1_000), lastAcceptedAt: iso(Date.now() - f.lagSeconds * 1_000),
      refusals: i === 0 ? [{ at: iso(Date.now() - 300_000), reason: 'speed: "fast" is not a number', sample: '{"speed":"fast"}' }] : [] } }));
  }
  changes() {
    const now = Date.now();
    return this.#things.filter((thing) => thing.kind.moving || Math.random() < 0.05).map((thing) => ({ id: thing.id, type: `${D}${thing.kind.model}/${thing.kind.type}`, seq: (this.seq += 1), at: iso(now), location: this.#at(thing, now), name: thing.names, value: this.#value(thing, now), attribute: iri(thing.kind) }));
  }
  layers() {
    return this.#things.length ? KINDS.map((kind) => ({ id: kind.layer, types: [`${D}${kind.model}/${kind.type}`], group: kind.group, short: kind.type, count: kind.n, geometry: 'point', attribute: { iri: iri(kind), short: kind.attribute, unit: kind.unit },
      classes: kind.classes ? [...kind.classes.map((max) => ({ max })), { max: null }] : null, moving: Boolean(kind.moving), updatedAt: iso(Date.now()) })) : [];
  }
  #item(thing) {
    return { id: thing.id, type: `${D}${thing.kind.model}/${thing.kind.type}`, short: thing.kind.type, names: thing.names, location: this.#at(thing, Date.now()), value: this.#value(thing, Date.now()), unit: thing.kind.unit, severity: null, ageSeconds: 20, simulated: true };
  }
  list(q) {
    const text = (q.get('q') ?? '').toLowerCase();
    const found = this.#things.filter((t) => (!q.get('layer') || t.kind.layer === q.get('layer')) && (!text || Object.values(t.names).some((n) => n.toLowerCase().includes(text))));
    const from = Number(q.get('after') || 0), limit = Number(q.get('limit') || 100);
    return { items: found.slice(from, from + limit).map((t) => this.#item(t)), next: from + limit < found.length ? String(from + limit) : null, total: found.length };
  }
  search(text) {
    const place = /^\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
    if (place) return { items: [{ kind: 'coordinates', id: '', names: {}, short: '', location: [Number(place[2]), Number(place[1])], layer: null }] };
    const found = this.#things.filter((t) => t.id.includes(text) || Object.values(t.names).some((n) => n.toLowerCase().includes(text.toLowerCase())));
    return { items: found.slice(0, 20).map((t) => ({ kind: 'entity', id: t.id, names: t.names, short: t.kind.type, location: this.#at(t, Date.now()), layer: t.kind.layer })) };
  }
  entity(id) {
    const now = Date.now();
    const measure = MEASURES.find(([one]) => kpi(one) === id);
    const attribute = (iriOf, value, unit, more = {}) => ({ iri: iriOf, short: iriOf.split('/').pop(), kind: 'Property', value, unit, observedAt: iso(now - 20_000), modifiedAt: iso(now - 19_000), ageSeconds: 20, chartable: typeof value === 'number', usual: null, ...more });
    if (measure) return { id, type: `${D}KeyPerformanceIndicator/KeyPerformanceIndicator`, short: 'KeyPerformanceIndicator', layer: null, names: {}, location: null, simulated: true, attributes: [attribute(`${D}KeyPerformanceIndicator/kpiValue`, measure[2], measure[1], { usual: { low: measure[3] * 0.9, mid: measure[3], high: measure[3] * 1.1 } })], relations: [], attention: [] };
    const t = this.#things.find((one) => one.id === id);
    if (!t) return null;
    const { kind } = t;
    return { id, type: `${D}${kind.model}/${kind.type}`, short: kind.type, layer: kind.layer, names: t.names, location: { type: 'Point', coordinates: this.#at(t, now) }, simulated: true,
      attributes: [attribute(iri(kind), this.#value(t, now), kind.unit, { usual: { low: kind.mid - kind.swing * 0.4, mid: kind.mid, high: kind.mid + kind.swing * 0.4 } }), attribute(`${D}Weather/relativeHumidity`, 44, 'P1'), attribute('https://uri.etsi.org/ngsi-ld/status', 'ok', null), attribute(`${D}Device/serialNumber`, 'NV-0042', null, { observedAt: null, chartable: false })],
      relations: [{ iri: `${D}Device/refDevice`, short: 'refDevice', objects: [this.#things[0].id, this.#things[1].id] }], attention: this.#attention().filter((item) => item.entity === id) };
  }
  series(id, q) {
    const t = this.#things.find((one) => one.id === id);
    const measure = MEASURES.find(([one]) => kpi(one) === id);
    if (!t && !measure) return null;
    const from = Date.parse(q.get('from')), to = Math.min(Date.parse(q.get('to')), Date.now());
    const n = Math.min(Number(q.get('points') ?? 600), 288), step = (to - from) / n;
    const mid = t ? t.kind.mid : measure[3], swing = t ? t.kind.swing : measure[3] * 0.3;
    const usualAt = (ms) => mid + Math.sin(ms / (4 * HOUR) + (t?.seed ?? 0)) * swing * 0.3;
    const points = Array.from({ length: n + 1 }, (_, i) => { const at = Math.round(from + i * step); return [at, i > n * 0.4 && i < n * 0.44 ? null : Number((mid + wave(t?.seed ?? 0, at) * swing * 0.5 - (i > n * 0.93 ? ((i - n * 0.93) / (n * 0.07)) * swing * 0.8 : 0)).toFixed(2))]; });
    const usual = Array.from({ length: 49 }, (_, i) => { const at = Math.round(from + (i * (to - from)) / 48); return [at, usualAt(at) - swing * 0.25, usualAt(at) + swing * 0.25]; });
    return { attribute: q.get('attribute'), unit: t ? t.kind.unit : measure[1], from: q.get('from'), to: q.get('to'), raw: n, points, usual, simulated: true };
  }
}
