/** Small pictures of what moves, drawn once for each colour. They point north and are turned when they are put down. */
import type { Shape } from '../mapdata/legend';

export const SIZE = 26;
type Draw = (c: CanvasRenderingContext2D) => void;

/** Paths in a square from −13 to 13, north up. */
const arrow: Draw = (c) => { c.moveTo(0, -9); c.lineTo(6.2, 7); c.quadraticCurveTo(0, 3.4, -6.2, 7); c.closePath(); };
const hull: Draw = (c) => { c.moveTo(0, -11); c.quadraticCurveTo(4.6, -5, 4.6, 1); c.lineTo(3.8, 9); c.lineTo(-3.8, 9); c.lineTo(-4.6, 1); c.quadraticCurveTo(-4.6, -5, 0, -11); };
/** What has not moved yet: no way it looks, and yet no dot, for dots stand still. */
const box: Draw = (c) => { c.roundRect(-5, -5, 10, 10, 3); };

function drone(c: CanvasRenderingContext2D, colour: string, outline: string, hollow: boolean): void {
  const arms = (): void => { c.beginPath(); for (const [x, y] of [[-5.5, -5.5], [5.5, 5.5], [5.5, -5.5], [-5.5, 5.5]] as const) { c.moveTo(0, 0); c.lineTo(x, y); } };
  c.lineCap = 'round';
  arms(); c.strokeStyle = outline; c.lineWidth = 5; c.stroke();
  for (const [x, y] of [[-5.5, -5.5], [5.5, -5.5], [-5.5, 5.5], [5.5, 5.5]] as const) {
    c.beginPath(); c.arc(x, y, 3.6, 0, Math.PI * 2); c.fillStyle = outline; c.fill();
    c.beginPath(); c.arc(x, y, 2.4, 0, Math.PI * 2); c.strokeStyle = colour; c.fillStyle = hollow ? outline : colour; c.lineWidth = 1.3; c.fill(); c.stroke();
  }
  arms(); c.strokeStyle = colour; c.lineWidth = 2; c.stroke();
  c.beginPath(); c.moveTo(0, -7); c.lineTo(3, -1.4); c.lineTo(-3, -1.4); c.closePath(); c.fillStyle = colour; c.fill();
}

export function paint(c: CanvasRenderingContext2D, shape: Shape, headed: boolean, colour: string, outline: string, hollow: boolean): void {
  if (shape === 'drone') { drone(c, colour, outline, hollow); return; }
  c.beginPath();
  (shape === 'ship' ? hull : headed ? arrow : box)(c);
  c.closePath();
  c.lineJoin = 'round';
  c.strokeStyle = outline; c.lineWidth = hollow ? 5 : 3; c.stroke();
  c.fillStyle = hollow ? outline : colour; c.fill();
  if (hollow) { c.strokeStyle = colour; c.lineWidth = 1.6; c.stroke(); }
}

/** Pictures by what they show; a theme or a screen of another density starts a new set. */
export class Sprites {
  #made = new Map<string, HTMLCanvasElement>();
  constructor(private readonly density: number) {}
  get(shape: Shape, headed: boolean, colour: string, outline: string, hollow: boolean): HTMLCanvasElement {
    const key = `${shape}|${headed}|${colour}|${outline}|${hollow}`;
    let picture = this.#made.get(key);
    if (!picture) {
      picture = document.createElement('canvas');
      picture.width = picture.height = Math.ceil(SIZE * this.density);
      const c = picture.getContext('2d');
      if (c) {
        c.setTransform(this.density, 0, 0, this.density, picture.width / 2, picture.height / 2);
        paint(c, shape, headed, colour, outline, hollow);
      }
      this.#made.set(key, picture);
    }
    return picture;
  }
}
