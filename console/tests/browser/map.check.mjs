// Expectations 2, 3, 5, 13: the map, the address, and that nothing leaves the node.
import assert from 'node:assert/strict';
import { LANGS, open, ready } from './browser.mjs';
import { inEach, until } from './help.mjs';

/** Adds streetlights around the city until it has so many entities. */
async function fillUp(node, wanted) {
  const { entities, centre: [lon, lat] } = await node.get('/console/city');
  const light = (n) => ({
    id: `urn:ngsi-ld:Streetlight:more:${n}`, type: 'https://smartdatamodels.org/dataModel.Streetlighting/Streetlight',
    location: { type: 'GeoProperty', value: { type: 'Point', coordinates: [lon + ((n * 37) % 1000) / 10_000 - 0.05, lat + ((n * 91) % 1000) / 10_000 - 0.05] } },
  });
  for (let from = entities; from < wanted; from += 500) {
    const body = JSON.stringify(Array.from({ length: Math.min(500, wanted - from) }, (_, i) => light(from + i)));
    const answer = await fetch(`${node.url}/ngsi-ld/v1/entityOperations/upsert`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    assert.ok(answer.ok, await answer.text());
  }
  await until(async () => (await node.get('/console/city')).entities >= wanted, 10_000, `${wanted} entities`);
}

export default {
  '2 no request leaves the node': async ({ browser, node }) => {
    for (const path of ['/', '/feeds']) await inEach(browser, node, async (page, _lang, { foreign, errors }) => {
      await page.waitForTimeout(1_500);
      assert.deepEqual(foreign, []);
      assert.deepEqual(errors, []);
    }, { path });
  },
  '3 the map draws': async ({ browser, node }) => {
    const { basemap } = await node.get('/console/city');
    if (!basemap) return 'the node has no basemap';
    return inEach(browser, node, async (page) => {
      const [features, colours, credit] = await page.evaluate((attribution) => {
        const canvas = document.querySelector('canvas.maplibregl-canvas');
        const copy = document.createElement('canvas');
        copy.width = 200; copy.height = 140;
        return new Promise((done) => {
          const look = () => {
            const x = copy.getContext('2d');
            x.drawImage(canvas, 0, 0, 200, 140);
            const seen = new Set();
            const { data } = x.getImageData(0, 0, 200, 140);
            for (let i = 0; i < data.length; i += 4) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
            done([window.__map.queryRenderedFeatures().length, seen.size, document.body.innerText.includes(attribution)]);
          };
          window.__map.once('render', look);
          window.__map.triggerRepaint();
        });
      }, basemap.attribution);
      assert.ok(features > 500, `${features} features are drawn`);
      assert.ok(colours > 20, `${colours} colours`);
      assert.ok(credit, 'whose map it is stands on it');
    });
  },
  '5 the link is the state': async ({ browser, node }) => {
    const { items } = await node.get('/console/list?limit=1');
    const layers = (await node.get('/console/layers')).slice(0, 2).map((layer) => layer.id);
    const t = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000).toISOString();
    for (const lang of LANGS) {
      const query = `?sel=${encodeURIComponent(items[0].id)}&t=${t}&layers=${layers.join(',')}&lang=${lang}`;
      const states = [];
      for (const again of [false, true]) {
        const { page, close } = await open(browser, `${node.url}/${query}`);
        await ready(page);
        if (again) { await page.reload(); await ready(page); }
        await page.waitForSelector('.selected h2');
        const q = new URL(page.url()).searchParams;
        states.push([q.get('sel'), q.get('t'), q.get('layers'), await page.locator('html').getAttribute('lang'), await page.locator('.selected h2').innerText(), await page.locator('main > .past').count(), await page.locator('.layers input:checked').count()]);
        await close();
      }
      assert.deepEqual(states[0], states[1]);
      assert.deepEqual(states[0].slice(0, 3), [items[0].id, t, layers.join(',')]);
      assert.deepEqual(states[0].slice(5), [1, layers.length]);
    }
  },
  '13 many entities stay usable': async ({ browser, node }) => {
    if (!node.isMock) await fillUp(node, 10_000);
    const { page, started, close } = await open(browser, `${node.url}/?lang=en`);
    await ready(page);
    const { entities } = await node.get('/console/city');
    const idle = Date.now() - started;
    assert.ok(idle <= 15_000, `idle after ${idle} ms`);
    const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
    assert.ok(heap < 150e6, `${(heap / 1e6).toFixed(0)} MB of heap`);
    await page.locator('.layers .head button').nth(1).click();
    const asked = Date.now();
    await page.waitForSelector('.places tbody tr');
    const first = Date.now() - asked;
    assert.ok(first < 3_000, `first rows after ${first} ms`);
    assert.ok((await page.locator('.places tbody tr').count()) <= 100);
    console.log(`     ${entities} entities: idle ${idle} ms, list ${first} ms, heap ${(heap / 1e6).toFixed(0)} MB`);
    await close();
  },
};
