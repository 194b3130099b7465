// Expectations 10, 11: what is stale, and what a lost link is. Last, for the node is stopped.
import assert from 'node:assert/strict';
import { open, ready } from './browser.mjs';
import { rows, until } from './help.mjs';

export default {
  '10 stale is seen, and is no alarm': async ({ browser, node }) => {
    if (node.isMock) return 'the mock has no feed to stop';
    // The drones fell silent when the checks began; a mover is called silent after five minutes.
    const drones = async () => (await node.get('/console/now')).measures.find((one) => one.id.endsWith('drones-aloft'));
    await until(async () => (await drones()).stale, 330_000, 'the measure to be stale');
    const { page, close } = await open(browser, `${node.url}/?lang=en`);
    await ready(page);
    const tile = page.locator('.measures .tile').nth((await node.get('/console/now')).measures.findIndex((one) => one.id.endsWith('drones-aloft')));
    await tile.waitFor();
    assert.match(await tile.innerText(), /\d+ min/, 'it says how old it is');
    assert.ok(!/critical|warning/.test(await tile.getAttribute('class')), 'it is not coloured as an alarm');
    await close();
  },
  '11 a lost link is survived': async ({ browser, node }) => {
    if (!node.canStop) return 'set CHORSU_STOP_CMD and CHORSU_START_CMD';
    const { page, close } = await open(browser, `${node.url}/?lang=en`);
    await ready(page);
    await until(async () => /^Live/.test(await page.locator('.fresh').innerText()), 10_000, 'the page to be live');
    const measures = await page.locator('.measures .tile').count();
    const ids = () => page.locator('[data-attention]').evaluateAll((all) => all.map((one) => one.dataset.attention));
    if (await rows(page).count()) await rows(page).first().click();
    await node.stop();
    await page.waitForSelector('.lost', { timeout: 10_000 });
    assert.equal(await page.locator('.measures .tile').count(), measures, 'the last data stay');
    if (await page.locator('.acts .primary').count()) {
      assert.equal(await page.locator('.acts .primary').getAttribute('aria-disabled'), 'true');
      assert.match(await page.locator('.acts .meta').innerText(), /link/);
    }
    await node.start();
    await until(async () => (await node.get('/console/now')).measures.length > 0, 60_000, 'the node to be back');
    await page.waitForSelector('.lost', { state: 'detached', timeout: 15_000 });
    const all = await ids();
    assert.equal(new Set(all).size, all.length, 'no row is there twice');
    await close();
  },
};
