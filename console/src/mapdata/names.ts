import type { ExpressionSpecification } from 'maplibre-gl';
import type { Lang } from './palette';

/** Russian readers can read a local Cyrillic name sooner than an English one; others fall back to English first. */
const order: Record<Lang, readonly string[]> = { en: ['en'], ru: ['ru'], zh: ['zh', 'en'] };

/** The name of a feature for a reader of `lang`, as a style expression. Nothing is translated: what is missing falls back. */
export const nameOf = (lang: Lang): ExpressionSpecification =>
  ['coalesce', ...order[lang].map((l) => ['get', `name:${l}`]), ['get', 'name'], ['get', 'name:en']] as unknown as ExpressionSpecification;

/** The same for the properties of a feature of a tile. */
export function pickName(properties: Record<string, unknown>, lang: Lang): string | null {
  for (const key of [...order[lang].map((l) => `name:${l}`), 'name', 'name:en', 'name:ru', 'name:zh']) {
    const name = properties[key];
    if (typeof name === 'string' && name !== '') return name;
  }
  return null;
}

/** The same for names by language as the API gives them. `und` is a name in no language. */
export function pickNames(names: Record<string, string> | null | undefined, lang: Lang): string | null {
  if (!names) return null;
  for (const key of [...order[lang], 'und', 'none', '@none', 'en', 'ru', 'zh']) if (names[key]) return names[key];
  return Object.values(names)[0] ?? null;
}
