// The page where the node is asked in SQL.
import assert from 'node:assert/strict';
import { inEach } from './help.mjs';

const outcome = async (page) => {
  await page.locator('.acts .primary').click();
  await page.waitForSelector('.acts .primary', { timeout: 60_000 });
  return { refused: await page.locator('.refused').allInnerTexts(), rows: await page.locator('.table tbody tr').count() };
};
const withSql = async (node) => (await fetch(`${node.url}/sql/tables`)).ok;

export default {
  'q2 a question that makes no sense is refused in words, and the page goes on': async ({ browser, node }) => {
    if (!(await withSql(node))) return 'the node was built without SQL';
    await inEach(browser, node, async (page) => {
      await page.fill('#sql', 'SELECT wrong FROM entity');
      const said = await outcome(page);
      assert.equal(said.refused.length, 1);
      assert.match(said.refused[0], /wrong/);
      await page.fill('#sql', 'SELECT type FROM entity LIMIT 3');
      assert.deepEqual((await outcome(page)).refused, []);
    }, { path: '/sql' });
  },
};
