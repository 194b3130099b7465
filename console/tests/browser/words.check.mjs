// Expectations 1, 7, 8, 9: the words.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { open, ready } from './browser.mjs';
import { inEach, until } from './help.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axeOf = async (page) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), TAGS);
  return violations.map((v) => `${v.id} ×${v.nodes.length}: ${v.nodes[0].target.join(' ')} ${(v.nodes[0].any[0] ?? v.nodes[0].all[0] ?? v.nodes[0].none[0])?.message ?? ''}`);
};
/** Texts that are cut off: wider than their box, in a box that hides what is over. */
const clipped = (page) => page.evaluate(() => [...document.querySelectorAll('button, label, a, h1, h2, h3, .name, .usual, .value, small, td, th, summary, p')].filter((e) => {
  const style = getComputedStyle(e);
  const isSeen = e.getClientRects().length > 0 && !e.closest('.hidden, [hidden], .maplibregl-map, canvas') && style.visibility !== 'hidden';
  return isSeen && e.textContent.trim() && e.scrollWidth > e.clientWidth + 1 && style.display !== 'inline' && !/auto|scroll/.test(style.overflowX);
}).map((e) => `${e.tagName}.${e.className} “${e.textContent.trim().slice(0, 40)}” ${e.scrollWidth} > ${e.clientWidth}`));

export default {
  '1 the state of the city is in words': ({ browser, node }) => inEach(browser, node, async (page, lang, { started }) => {
    const counts = () => page.locator('h1').innerText();
    let told = '';
    await until(async () => {
      const { counts: real } = await node.get('/console/now');
      told = (await counts()).replace(/\u00a0/g, ' ');
      const figure = async (severity) => Number(((await page.locator(`h1 > .${severity}`).count()) ? await page.locator(`h1 > .${severity}`).innerText() : '0').match(/\d+/)?.[0]);
      return (await figure('critical')) === real.critical && (await figure('warning')) === real.warning;
    }, 20_000, 'the headline to say what the node counts');
    console.log(`     ${lang}: ${told.replace(/\s+/g, ' ')} (${Date.now() - started} ms)`);
  }),
  '7 axe finds nothing': async ({ browser, node }) => {
    const found = [];
    for (const colorScheme of ['light', 'dark']) for (const path of ['/', '/feeds']) {
      await inEach(browser, node, async (page, lang) => {
        await page.waitForTimeout(400);
        found.push(...(await axeOf(page)).map((v) => `${path} ${lang} ${colorScheme} ${v}`));
        if (path === '/' && (await page.locator('#attention .row').count())) {
          await page.locator('#attention .row').first().click();
          await page.waitForTimeout(500);
          found.push(...(await axeOf(page)).map((v) => `open row ${lang} ${colorScheme} ${v}`));
        }
      }, { path, options: { colorScheme } });
    }
    assert.deepEqual(found, []);
  },
  '8 another language keeps the place and leaves no key untranslated': async ({ browser, node }) => {
    const { page, close } = await open(browser, `${node.url}/`);
    await ready(page);
    if (await page.locator('#attention .row').count()) await page.locator('#attention .row').first().click();
    const before = new URL(page.url()).searchParams.get('sel');
    for (const [lang, tag, own] of [['ru', 'ru', /[а-яё]/i], ['zh', 'zh-CN', /\p{Script=Han}/u], ['en', 'en', /[a-z]/i]]) {
      await page.locator(`.langs button[lang=${lang}]`).click();
      await page.waitForFunction((t) => document.documentElement.lang === t, tag);
      assert.equal(new URL(page.url()).searchParams.get('sel'), before);
      const texts = await page.locator('button, h1, h2, label, th, .name').allInnerTexts();
      assert.deepEqual(texts.filter((text) => /^[a-z]+(_[a-z]+)+$|^[a-z_]+\.[a-z_.]+$/.test(text.trim())), []);
      for (const text of await page.locator('h1, .tabs button, nav a span, #attention .what b').allInnerTexts()) assert.match(text, own, `in ${lang}: ${text}`);
    }
    await close();
  },
  '9 no text is cut off, no letter is a box': async ({ browser, node }) => {
    for (const width of [1280, 390]) for (const lang of ['ru', 'en', 'zh']) for (const path of ['/', '/feeds']) {
      const { page, close } = await open(browser, `${node.url}${path}?lang=${lang}`, { viewport: { width, height: 844 } });
      await ready(page);
      if (path === '/' && (await page.locator('#attention .row').count())) { await page.locator('#attention .row').first().click(); await page.waitForTimeout(500); }
      assert.deepEqual(await clipped(page), [], `${path} ${lang} at ${width}`);
      if (lang === 'zh') {
        const [han, box] = await page.evaluate(() => {
          const ink = (text) => { const c = document.createElement('canvas'); c.width = c.height = 40; const x = c.getContext('2d'); x.font = `24px ${getComputedStyle(document.body).fontFamily}`; x.fillText(text, 4, 30); return c.toDataURL(); };
          return [ink('城'), ink('\uffff')];
        });
        assert.notEqual(han, box);
      }
      await close();
    }
  },
};
