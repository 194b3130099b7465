/**
 * Draws the fleet on a canvas of its own over the map: the map itself need not be drawn again for a bus that
 * moves, which keeps it idle, and a step between two words costs no work in MapLibre's worker.
 */
import type { Map as GlMap } from 'maplibre-gl';
import { palettes, type Theme } from '../mapdata/palette';
import { step } from '../mapdata/legend';
import type { Layer } from '../lib/api';
import type { Fleet, Seen } from './fleet';
import { SIZE, Sprites } from './sprites';

/** Milliseconds between two pictures: smooth enough for a bus, and little work. */
const FRAME = 50;
/** How near a pointer has to be, in pixels. */
const NEAR = 14;

export class Overlay {
  readonly canvas = document.createElement('canvas');
  #sprites = new Sprites(1);
  #density = 0;
  #theme: Theme = 'light';
  #layers = new Map<string, Layer>();
  #drawn: { seen: Seen; x: number; y: number }[] = [];
  #marked = new Set<string>();
  #frame = 0;
  #last = 0;

  constructor(private readonly map: GlMap, private readonly fleet: Fleet, private readonly clock: () => number = () => performance.now()) {
    this.canvas.className = 'fleet';
    this.canvas.setAttribute('aria-hidden', 'true');
    map.getCanvasContainer().append(this.canvas);
    map.on('render', this.draw);
    map.on('resize', this.draw);
  }
  set(theme: Theme, layers: readonly Layer[], marked: Set<string>): void {
    if (theme !== this.#theme) this.#density = 0;
    this.#theme = theme;
    this.#layers = new Map(layers.map((l) => [l.id, l]));
    this.#marked = marked;
    this.wake();
  }
  /** Starts drawing, and goes on for as long as something moves. */
  wake(): void { this.#frame ||= requestAnimationFrame(this.#tick); }
  remove(): void {
    cancelAnimationFrame(this.#frame);
    this.map.off('render', this.draw);
    this.map.off('resize', this.draw);
    this.canvas.remove();
  }
  /** The thing under the pointer, the nearest first. */
  hit(x: number, y: number): Seen | null {
    let best: Seen | null = null;
    let near = NEAR;
    for (const d of this.#drawn) {
      const far = Math.hypot(d.x - x, d.y - y);
      if (far < near) { near = far; best = d.seen; }
    }
    return best;
  }
  #tick = (time: number): void => {
    this.#frame = 0;
    if (time - this.#last >= FRAME - 4) { this.#last = time; this.draw(); }
    if (this.fleet.restless(this.clock())) this.wake();
  };
  #fit(c: CanvasRenderingContext2D): { width: number; height: number } {
    const { clientWidth: width, clientHeight: height } = this.map.getContainer();
    const density = Math.min(window.devicePixelRatio || 1, 3);
    if (this.canvas.width !== Math.round(width * density) || this.canvas.height !== Math.round(height * density)) {
      this.canvas.width = Math.round(width * density);
      this.canvas.height = Math.round(height * density);
    }
    if (density !== this.#density) { this.#density = density; this.#sprites = new Sprites(density * 1.5); }
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    return { width, height };
  }
  draw = (): void => {
    const c = this.canvas.getContext('2d');
    if (!c) return;
    const { width, height } = this.#fit(c);
    const p = palettes[this.#theme];
    const zoom = this.map.getZoom();
    const scale = Math.min(1.25, Math.max(0.3, 0.3 + (zoom - 9) * 0.13));
    this.#drawn = [];
    const bad: { seen: Seen; x: number; y: number }[] = [];
    for (const seen of this.fleet.seen(this.clock())) {
      const { x, y } = this.map.project(seen.at);
      if (x < -SIZE || y < -SIZE || x > width + SIZE || y > height + SIZE) continue;
      (seen.severity ? bad : this.#drawn).push({ seen, x, y });
    }
    this.#drawn.push(...bad);
    for (const { seen, x, y } of this.#drawn) {
      const marked = this.#marked.has(seen.id);
      const n = this.#layers.get(seen.layer)?.classes?.length ?? 0;
      const colour = seen.severity ? p[seen.severity] : seen.classIndex !== null && n > 1 ? (p.ramp[step(seen.classIndex, n)] ?? p.usual) : p.usualLine;
      const sprite = this.#sprites.get(seen.shape, seen.heading !== null, colour, marked ? p.accent : p.outline, seen.stale);
      const k = scale * (marked ? 1.35 : seen.severity ? 1.2 : 1) * this.#density;
      const turn = ((seen.heading ?? 0) * Math.PI) / 180;
      const [cos, sin] = [Math.cos(turn) * k, Math.sin(turn) * k];
      c.setTransform(cos, sin, -sin, cos, x * this.#density, y * this.#density);
      c.drawImage(sprite, -SIZE / 2, -SIZE / 2, SIZE, SIZE);
    }
  };
}
