// Expectations 4, 6, 12, 14: what needs attention.
import assert from 'node:assert/strict';
import { open, ready } from './browser.mjs';
import { hasAttention, inEach, rows, until } from './help.mjs';

/** A feed that is to say something every second, and says it once. */
async function fallSilent(node, name) {
  const definition = {
    source: { kind: 'push', expected_every_seconds: 1 },
    entity: { id: 'urn:ngsi-ld:Device:{id}', type: 'Device' },
    attribute: [{ name: 'level', column: 'level' }],
  };
  const send = (path, method, body) => fetch(`${node.url}/feeds/${path}`, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal((await send(name, 'PUT', definition)).status, 201);
  assert.equal((await send(`${name}/push`, 'POST', { id: name, level: 1 })).status, 204);
}
const NOTHING = 'nothing needs attention in this node';

export default {
  '4 from alert to place and cause in two clicks': async ({ browser, node }) => {
    const first = (await node.get('/console/now')).attention.findIndex((item) => item.entity && item.attribute);
    if (first < 0) return 'nothing that needs attention has a place and a history';
    return inEach(browser, node, async (page) => {
      await rows(page).nth(first).click();
      const item = page.locator('[data-attention].open');
      await item.locator('figure canvas').waitFor();
      assert.ok((await item.locator('.acts .btn').count()) >= 2);
      assert.match(new URL(page.url()).searchParams.get('sel') ?? '', /^urn:/);
      assert.ok((await item.locator('figure').getAttribute('aria-label')).length > 20, 'the chart has a sentence');
    });
  },
  '6 the keyboard is enough': async ({ browser, node }) => {
    if (!(await hasAttention(node))) return NOTHING;
    return inEach(browser, node, async (page) => {
      const focusSeen = () => page.evaluate(() => { const e = document.activeElement; const s = getComputedStyle(e); return e !== document.body && (s.outlineStyle !== 'none' || getComputedStyle(e.parentElement).outlineStyle !== 'none'); });
      await until(async () => (await rows(page).count()) > 0, 10_000, 'rows');
      let presses = 0;
      const press = async (key) => { presses += 1; await page.keyboard.press(key); };
      await press('Tab');
      assert.ok(await focusSeen(), 'the skip link shows its focus');
      await press('Enter');
      assert.ok(await page.evaluate(() => document.activeElement.classList.contains('row')), 'the skip link leads to the first row');
      assert.ok(await focusSeen(), 'the row shows its focus');
      const id = await page.evaluate(() => document.activeElement.closest('[data-attention]').dataset.attention);
      const was = (await node.get('/console/now')).attention.find((item) => item.id === id);
      if (!was.acknowledged) await press('a');
      assert.ok(presses <= 6, `${presses} presses`);
      await until(async () => { const item = (await node.get('/console/now')).attention.find((one) => one.id === id); return !item || item.acknowledged; }, 5_000, 'the acknowledgement');
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Escape');
      assert.equal(await page.evaluate(() => document.activeElement.closest('[data-attention]')?.dataset.attention), id, 'Esc returns to the row');
      await fetch(`${node.url}/console/attention/${encodeURIComponent(id)}/acknowledge`, { method: 'DELETE' });
    });
  },
  '12 what is new does not steal': async ({ browser, node }) => {
    if (!(await hasAttention(node))) return NOTHING;
    const { page, close } = await open(browser, `${node.url}/?lang=en`);
    await ready(page);
    await until(async () => (await rows(page).count()) > 0, 10_000, 'rows');
    const which = Math.min(2, (await rows(page).count()) - 1);
    await rows(page).nth(which).focus();
    const seen = () => page.evaluate(() => [document.activeElement.closest('[data-attention]')?.dataset.attention, document.querySelector('#attention').scrollTop, document.activeElement.getBoundingClientRect().top]);
    const count = await rows(page).count();
    // Five feeds speak once and then no more.
    const names = Array.from({ length: 5 }, (_, i) => `falls-silent-${i}`);
    await Promise.all(names.map((name) => fallSilent(node, name)));
    const told = async () => Number((await page.locator('button.new').innerText()).match(/\d+/)?.[0]);
    await until(async () => (await told()) >= 5, 60_000, 'the news');
    const after = await seen();
    assert.equal(await rows(page).count(), count, 'no row moved in');
    assert.equal(after[0], await rows(page).nth(which).evaluate((row) => row.closest('[data-attention]').dataset.attention), 'the focus stays');
    assert.equal(after[1], 0, 'the list does not scroll');
    assert.match(await page.locator('p[role=status].hidden').innerText(), /\S/, 'it is said once');
    await Promise.all(names.map((name) => fetch(`${node.url}/feeds/${name}`, { method: 'DELETE' })));
    await close();
  },
  '14 what is simulated says so': async ({ browser, node }) => {
    const { measures, attention } = await node.get('/console/now');
    return inEach(browser, node, async (page) => {
      assert.equal(await page.locator('.measures .chip.sim').count(), measures.filter((one) => one.simulated).length);
      await until(async () => (await page.locator('#attention .chip.sim').count()) === (await node.get('/console/now')).attention.filter((one) => one.simulated).length, 5_000, `${attention.length} rows to be labelled`);
      const { simulated } = await node.get('/console/city');
      assert.equal((await page.locator('header .chip.sim').count()) > 0, simulated);
      for (const text of await page.locator('.chip.sim').allTextContents()) assert.match(text, /\S/);
    });
  },
};
