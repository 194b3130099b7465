import { beforeEach, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import type { Attention } from '../../src/lib/api';
import { ago, clock, duration, lastTime, number, quantity, unitWord } from '../../src/lib/format';
import { headline } from '../../src/lib/headline';
import { i18n, nameIn, preferred } from '../../src/lib/i18n.svelte';
import { attentionDetail, attentionTitle, attributeWord, layerWord, measureWord } from '../../src/lib/words';

const sentence = (critical: number, warning: number, notice = 0): string => headline({ critical, warning, notice }).map((part) => part.text).join(', ');
const item = (code: string, params: Record<string, unknown>): Attention =>
  ({ id: 'x', severity: 'warning', code, params, entity: null, type: null, attribute: null, name: null, location: null, since: '2026-01-01T00:00:00Z', acknowledged: null, simulated: false });
beforeEach(() => { i18n.lang = 'en'; });

describe('the sentence that says how the city is', () => {
  it('counts in Russian as Russian counts', () => {
    i18n.lang = 'ru';
    expect([1, 2, 5, 11, 21, 22].map((n) => sentence(n, 0).split(',')[0])).toEqual(['1 критическое событие', '2 критических события', '5 критических событий', '11 критических событий', '21 критическое событие', '22 критических события']);
    expect(sentence(0, 3)).toBe('3 предупреждения, остальное в обычных пределах');
  });
  it('says in English and Chinese what is wrong first', () => {
    expect(sentence(1, 3)).toBe('1 critical alert, 3 warnings, all else within the usual range');
    i18n.lang = 'zh';
    expect(sentence(2, 3, 1)).toBe('2 项严重, 3 项警告, 1 项提示, 其余均在正常范围');
  });
  it('says so when all is usual, and claims nothing before it knows', () => {
    expect(sentence(0, 0)).toBe('Everything is within the usual range');
    expect(headline(null)[0]?.text).toBe('Waiting for the first readings');
  });
});

describe('figures', () => {
  it('are written as each language writes them', () => {
    expect(quantity(71.4, 'P1', 0)).toBe('71%');
    i18n.lang = 'ru';
    expect(quantity(71, 'P1', 0)).toBe('71\u00a0%');
    expect(quantity(6.4, 'KMH')).toMatch(/^6,4\s?км\/ч$/);
    expect(quantity(12, 'GQ')).toBe('12\u00a0мкг/м³');
    expect(number(12_345.67, 0)).toBe('12\u00a0346');
    expect(ago(120)).toMatch(/2.мин\. назад/);
    i18n.lang = 'zh';
    expect(duration(240)).toBe('4分钟');
    expect(unitWord('CEL')).toBe('°C');
  });
  it('with a unit that nobody knows show its code', () => { expect(quantity(3, 'XYZ')).toBe('3\u00a0XYZ'); });
});

describe('times', () => {
  const now = Date.parse('2026-11-22T01:13:30Z');
  it('are those of the city, not of the reader', () => { expect(clock(now, 'Asia/Tashkent')).toBe('06:13'); });
  it('that are typed are the last such time', () => {
    expect(new Date(lastTime('05:40', now, 'Asia/Tashkent') ?? 0).toISOString()).toBe('2026-11-22T00:40:00.000Z');
    expect(new Date(lastTime('2330', now, 'Asia/Tashkent') ?? 0).toISOString()).toBe('2026-11-21T18:30:00.000Z');
    expect(['24:00', '12:60', 'noon', ''].map((text) => lastTime(text, now, 'UTC'))).toEqual([null, null, null, null]);
  });
});

describe('codes', () => {
  it('are words in the language of the reader', () => {
    i18n.lang = 'ru';
    expect([measureWord('air-pm25'), layerWord('transit-vehicles'), attributeWord('https://smartdatamodels.org/x/pm25')]).toEqual(['Пыль PM2,5', 'Транспорт', 'PM2,5']);
  });
  it('without a word are shown as they are', () => {
    expect([measureWord('snow-depth'), attributeWord('treadWearLeft'), attentionTitle(item('volcano', {}))]).toEqual(['Snow depth', 'Tread wear left', 'Unknown event: volcano']);
  });
  it('of attention say what, and how far from usual', () => {
    const high = item('value-high', { attribute: 'pm25', value: 88, unit: 'GQ', low: 14, high: 35 });
    expect([attentionTitle(high), attentionDetail(high)]).toEqual(['PM2.5 above the usual', '88\u00a0µg/m³, usually 14\u00a0µg/m³ to 35\u00a0µg/m³']);
    i18n.lang = 'ru';
    expect(attentionTitle(item('device-silent', { count: 3, lastSeconds: 600, expectedSeconds: 60 }))).toBe('3 устройства молчат');
  });
});

describe('names', () => {
  it('come in the language of the reader, else the nearest that there is', () => {
    expect(nameIn({ ru: 'Навруд', en: 'Navrud' }, 'ru')).toEqual({ text: 'Навруд', lang: 'ru' });
    expect(nameIn({ ru: 'Навруд' }, 'zh')).toEqual({ text: 'Навруд', lang: 'ru' });
    expect(nameIn({}, 'en')).toBeNull();
  });
  it('of languages: the address wins over memory, memory over the browser', () => {
    expect([preferred('zh', 'ru', ['en']), preferred(null, 'ru', ['en']), preferred(null, null, ['fr', 'ru-RU']), preferred('xx', null, [])]).toEqual(['zh', 'ru', 'ru', 'en']);
  });
});

describe('the messages', () => {
  const load = (lang: string): Record<string, unknown> => JSON.parse(readFileSync(`messages/${lang}.json`, 'utf8')) as Record<string, unknown>;
  const [en, ru, zh] = [load('en'), load('ru'), load('zh')];
  it('are the same in all three languages, with the same blanks', () => {
    const blanks = (of: unknown): string => [...new Set([...JSON.stringify(of).matchAll(/\{(\w+)\}/g)].map((found) => found[1]))].sort().join();
    for (const other of [ru, zh]) {
      expect(Object.keys(other).sort()).toEqual(Object.keys(en).sort());
      for (const key of Object.keys(en)) expect(`${key}: ${blanks(other[key])}`).toBe(`${key}: ${blanks(en[key])}`);
    }
  });
  it('have every plural form that Russian needs', () => {
    for (const [key, said] of Object.entries(ru)) if (Array.isArray(said)) expect(`${key} ${Object.keys((said[0] as { match: object }).match).join()}`).toBe(`${key} plural=one,plural=few,plural=many,plural=other`);
  });
});
