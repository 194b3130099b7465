/** The state of the console: what the node said, what the reader chose. */
import { difference, type Entry, type Event, KEPT } from './activity';
import { api, type Bounds, type City, type Lang, type Layer, type Now, onRefused, Problem, type Theme, token } from './api';
import { i18n, preferred } from './i18n.svelte';
import { LiveStore } from './live.svelte';
import { format, parse, type UrlState, type View } from './url';

export type Path = '/' | '/feeds' | '/sql';
const PATHS: Path[] = ['/', '/feeds', '/sql'];
export interface Toast { key: number; text: string; undo: (() => void) | null; isWrong: boolean }
/** Layers shown at first: what is alive. Shapes, stops and single lamps are for who asks. */
const FIRST = new Set(['traffic', 'transit-vehicles', 'air', 'ships', 'drones']);
const stored = { get: (key: string): string | null => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key: string, value: string): void => { try { localStorage.setItem(key, value); } catch { /* Not remembered, then. */ } } };

class App {
  path = $state<Path>('/');
  url = $state<UrlState>({ sel: null, t: null, z: null, layers: null, lang: null });
  theme = $state<Theme>('light');
  city = $state.raw<City | null>(null);
  now = $state.raw<Now | null>(null);
  layers = $state.raw<Layer[] | null>(null);
  wrong = $state<{ city: string | null; now: string | null; layers: string | null }>({ city: null, now: null, layers: null });
  asksToken = $state(false);
  isHelpOpen = $state(false);
  singleKeys = $state(stored.get('chorsu.keys') !== 'off');
  hovered = $state<string | null>(null);
  bbox = $state<Bounds | null>(null);
  mapFailed = $state<'webgl' | 'tiles' | null>(null);
  toasts = $state<Toast[]>([]);
  /** What a screen reader is told. */
  said = $state('');
  activity = $state.raw<Entry[]>([]);
  /** Milliseconds of this machine, every second. */
  beat = $state(Date.now());
  #node = { at: Date.now(), from: Date.now() };
  #key = 0;
  #viewing: ReturnType<typeof setTimeout> | undefined;

  readonly live = new LiveStore({
    now: (now) => this.hear(now),
    tick: (time) => { this.#node = { at: time, from: Date.now() }; this.beat = Date.now(); },
    city: () => void this.loadCity(),
    reset: () => void this.load(),
  });

  /** The time in the city, which may run faster than ours. */
  time = $derived.by(() => this.#node.at + (this.beat - this.#node.from) * (this.city?.speed ?? 1));
  zone = $derived(this.city?.zone ?? 'UTC');
  at = $derived(this.url.t ? Date.parse(this.url.t) : null);
  visible = $derived.by(() => new Set(this.url.layers ?? this.firstLayers()));
  isLinked = $derived(this.live.state === 'live' || this.live.state === 'paused');
  /** Seconds since something was last observed. */
  freshness = $derived.by(() => {
    if (!this.now) return null;
    const told = this.now.freshness.newestSeconds;
    const newest = Math.max(this.live.newest, told === null ? 0 : Date.parse(this.now.time) - told * 1_000);
    return newest ? Math.max(0, (this.time - newest) / 1_000) : null;
  });

  private firstLayers(): string[] {
    const all = this.layers ?? [];
    const first = all.filter((layer) => FIRST.has(layer.id)).map((layer) => layer.id);
    return first.length ? first : all.slice(0, 6).map((layer) => layer.id);
  }

  start(): void {
    this.read();
    i18n.lang = preferred(this.url.lang, stored.get('chorsu.lang'), navigator.languages);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const theme = stored.get('chorsu.theme');
    this.theme = theme === 'dark' || theme === 'light' ? theme : dark.matches ? 'dark' : 'light';
    dark.addEventListener('change', () => { if (!stored.get('chorsu.theme')) this.theme = dark.matches ? 'dark' : 'light'; });
    addEventListener('popstate', () => this.read());
    setInterval(() => { this.beat = Date.now(); }, 1_000);
    onRefused(() => { this.asksToken = true; });
    void this.load();
    void this.live.start();
  }

  async load(): Promise<void> {
    await Promise.all([this.loadCity(), this.#ask('now', api.now, (now) => this.hear(now)), this.loadLayers()]);
  }
  loadCity(): Promise<void> {
    return this.#ask('city', api.city, (city) => {
      const was = this.city;
      this.city = city;
      if (city.loading && city.loading.stage !== was?.loading?.stage) void this.loadLayers();
      if (was?.loading && !city.loading) { void this.loadLayers(); void this.#ask('now', api.now, (now) => this.hear(now)); }
    });
  }
  loadLayers(): Promise<void> { return this.#ask('layers', api.layers, (layers) => { this.layers = layers; }); }

  async #ask<T>(part: 'city' | 'now' | 'layers', how: () => Promise<T>, take: (answer: T) => void): Promise<void> {
    try {
      take(await how());
      this.wrong[part] = null;
    } catch (wrong) {
      this.wrong[part] = wrong instanceof Error ? wrong.message : String(wrong);
    }
  }

  hear(now: Now): void {
    for (const event of difference(this.now, now)) this.note(event);
    if (Date.parse(now.time) > this.time) this.#node = { at: Date.parse(now.time), from: Date.now() };
    this.now = now;
  }
  note(event: Event): void { this.activity = [{ key: ++this.#key, at: this.time, event }, ...this.activity].slice(0, KEPT); }

  /** Takes the state from the address. */
  read(): void {
    this.path = PATHS.find((path) => path === location.pathname) ?? '/';
    this.url = parse(location.search);
    if (this.url.lang) i18n.lang = this.url.lang;
  }
  go(change: Partial<UrlState>, how: 'push' | 'replace' = 'push'): void {
    this.url = { ...this.url, ...change };
    const address = this.path + format(this.url);
    if (address === location.pathname + location.search) return;
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  }
  open(path: Path): void {
    if (path === this.path) return;
    this.path = path;
    history.pushState(null, '', path + format(this.url));
  }
  select(id: string | null): void { if (id !== this.url.sel) this.go({ sel: id }); }
  /** Where the map is asked to go; a new object each time, so that the same place can be asked for twice. */
  target = $state.raw<View | null>(null);
  /** Moves the map only if the place is out of view. */
  showOnMap(id: string, location: [number, number] | null): void {
    this.select(id);
    if (!location) return;
    const [lon, lat] = location;
    const box = this.bbox;
    if (box && lon > box[0] && lon < box[2] && lat > box[1] && lat < box[3]) return;
    this.goTo(location);
  }
  goTo([lon, lat]: [number, number]): void { this.target = { z: Math.max(this.url.z?.z ?? 0, 14), lat, lon }; }
  viewed(view: View, bbox: Bounds): void {
    this.bbox = bbox;
    clearTimeout(this.#viewing);
    this.#viewing = setTimeout(() => this.go({ z: view }, 'replace'), 300);
  }
  setLang(lang: Lang): void {
    i18n.lang = lang;
    stored.set('chorsu.lang', lang);
    if (this.url.lang) this.go({ lang }, 'replace');
  }
  setTheme(theme: Theme): void {
    this.theme = theme;
    stored.set('chorsu.theme', theme);
  }
  setSingleKeys(on: boolean): void {
    this.singleKeys = on;
    stored.set('chorsu.keys', on ? 'on' : 'off');
  }
  setLayer(id: string, on: boolean): void {
    const layers = new Set(this.visible);
    if (on) layers.add(id);
    else layers.delete(id);
    this.go({ layers: (this.layers ?? []).map((layer) => layer.id).filter((one) => layers.has(one)) }, 'replace');
  }
  signIn(secret: string): void {
    token.set(secret);
    this.asksToken = false;
    void this.load();
    void this.live.start();
  }

  toast(text: string, undo: (() => void) | null = null, isWrong = false): void {
    const key = ++this.#key;
    this.toasts = [...this.toasts, { key, text, undo, isWrong }].slice(-3);
    setTimeout(() => this.dismiss(key), 10_000);
  }
  dismiss(key: number): void { this.toasts = this.toasts.filter((toast) => toast.key !== key); }
  say(text: string): void { this.said = text; }
}

export const app = new App();
/** What to say of an error. */
export const reason = (wrong: unknown): string => (wrong instanceof Problem || wrong instanceof Error ? wrong.message : String(wrong));
