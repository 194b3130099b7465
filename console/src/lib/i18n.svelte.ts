/** The language in force. The words of the page follow it without a reload. */
import { overwriteGetLocale } from '../paraglide/runtime.js';
import type { Lang, Names } from './api';

export const LANGS: readonly Lang[] = ['en', 'ru', 'zh'];
export const isLang = (word: unknown): word is Lang => LANGS.includes(word as Lang);

class I18n {
  lang = $state<Lang>('en');
  /** The tag that `Intl` and `lang=` take. */
  get tag(): string { return this.lang === 'zh' ? 'zh-CN' : this.lang; }
}
export const i18n = new I18n();
overwriteGetLocale(() => i18n.lang);

/** The name in the reader's language, else the nearest, with the language that it is in. */
export function nameIn(names: Names | null | undefined, lang: Lang): { text: string; lang: Lang | undefined } | null {
  if (!names) return null;
  const order: (Lang | 'und')[] = [lang, 'und', 'en', 'ru', 'zh'];
  for (const key of order) {
    const text = names[key];
    if (text) return { text, lang: key === 'und' ? undefined : key };
  }
  const first = Object.values(names).find(Boolean);
  return first ? { text: first, lang: undefined } : null;
}

/** The language that this reader wants: of the address, of the last visit, of the browser. */
export function preferred(asked: string | null, stored: string | null, browser: readonly string[]): Lang {
  for (const word of [asked, stored, ...browser.map((tag) => tag.slice(0, 2))]) if (isLang(word)) return word;
  return 'en';
}
