/** The address is the state: what is selected, when, where, which layers, which language. */
import { isLang } from './i18n.svelte';
import type { Lang } from './api';

export interface View { z: number; lat: number; lon: number }
export interface UrlState { sel: string | null; t: string | null; z: View | null; layers: string[] | null; lang: Lang | null }

const round = (n: number, digits: number): number => Number(n.toFixed(digits));

export function parseView(text: string | null): View | null {
  const parts = (text ?? '').split('/').map(Number);
  const [z, lat, lon] = parts;
  if (parts.length !== 3 || z === undefined || lat === undefined || lon === undefined || !parts.every(Number.isFinite)) return null;
  return z >= 0 && z <= 24 && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { z, lat, lon } : null;
}

export function parse(search: string): UrlState {
  const q = new URLSearchParams(search);
  const t = q.get('t');
  const layers = q.get('layers');
  const lang = q.get('lang');
  return {
    sel: q.get('sel') || null,
    t: t && !Number.isNaN(Date.parse(t)) ? t : null,
    z: parseView(q.get('z')),
    layers: layers === null ? null : layers.split(',').filter(Boolean),
    lang: isLang(lang) ? lang : null,
  };
}

export function format(state: UrlState): string {
  const parts: string[] = [];
  const add = (key: string, value: string): void => { parts.push(`${key}=${encodeURIComponent(value).replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%2C/g, ',')}`); };
  if (state.sel) add('sel', state.sel);
  if (state.t) add('t', state.t);
  if (state.z) add('z', `${round(state.z.z, 2)}/${round(state.z.lat, 5)}/${round(state.z.lon, 5)}`);
  if (state.layers) add('layers', state.layers.join(','));
  if (state.lang) add('lang', state.lang);
  return parts.length ? `?${parts.join('&')}` : '';
}
