// Expectation 15: small and plain screens.
import assert from 'node:assert/strict';
import { FLAGS, open, openBrowser, ready } from './browser.mjs';
import { inEach, rows } from './help.mjs';

const wide = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const small = (page, least, which) => page.evaluate(([px, css]) => [...document.querySelectorAll(css)].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.width > 0 && e.checkVisibility() && !e.closest('.hidden, .maplibregl-ctrl-attrib') && (box.height < px - 0.5 || box.width < Math.min(px, 24) - 0.5) && !e.closest('label');
}).map((e) => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 24)} ${Math.round(e.getBoundingClientRect().width)}×${Math.round(e.getBoundingClientRect().height)}`), [least, which]);

export default {
  '15a a phone scrolls one way and is large enough for fingers': ({ browser, node }) => inEach(browser, node, async (page) => {
    assert.equal(await wide(page), 0);
    assert.deepEqual(await small(page, 24, 'button, a, summary, select, input:not([type=checkbox]):not([type=range])'), []);
    if (await rows(page).count()) { await rows(page).first().click(); assert.deepEqual(await small(page, 44, '.btn.primary, nav a, nav button, .row, .tabs button'), []); }
  }, { options: { viewport: { width: 390, height: 844 }, hasTouch: true } }),
  '15b 320 pixels reflow': ({ browser, node }) => inEach(browser, node, async (page) => { assert.equal(await wide(page), 0); }, { options: { viewport: { width: 320, height: 640 } } }),
  '15c without WebGL the list of places takes the place of the map': async ({ node }) => {
    const plain = await openBrowser([...FLAGS.filter((flag) => !flag.includes('swiftshader')), '--disable-3d-apis']);
    try {
      const { page, close } = await open(plain, `${node.url}/?lang=en`);
      await page.waitForSelector('.places tbody tr', { timeout: 20_000 });
      if (await rows(page).count()) { await rows(page).first().click(); assert.ok((await page.locator('[data-attention].open .acts .btn').count()) > 0); }
      await close();
    } finally { await plain.close(); }
  },
  '15d who wants no motion sees none': async ({ browser, node }) => {
    const { page, close } = await open(browser, `${node.url}/`, { reducedMotion: 'reduce' });
    await ready(page);
    assert.equal(await page.evaluate(() => document.getAnimations().filter((a) => a.playState === 'running').length), 0);
    await close();
  },
};
