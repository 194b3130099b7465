// The pictures of docs/guide: `npm run pictures`, of a demo at CHORSU_URL and an empty node at CHORSU_EMPTY_URL.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openBrowser, ready } from '../tests/browser/browser.mjs';

const { CHORSU_URL: demo, CHORSU_EMPTY_URL: empty } = process.env;
if (!demo || !empty) throw new Error('CHORSU_URL names a demo, CHORSU_EMPTY_URL an empty node');
const folder = fileURLToPath(new URL('../../docs/guide/pictures/', import.meta.url));
mkdirSync(folder, { recursive: true });

const browser = await openBrowser();

/** Takes one picture; `before` does what a person would have done. */
async function picture(name, address, { theme = 'light', width = 1280, height = 800, before = async () => {} } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, timezoneId: 'Asia/Tashkent' });
  const page = await context.newPage();
  await page.goto(address);
  await before(page);
  await page.waitForTimeout(1_500);
  await page.screenshot({ path: `${folder}${name}.jpg`, type: 'jpeg', quality: 72 });
  await context.close();
  console.log(`docs/guide/pictures/${name}.jpg`);
}

const first = async (page) => { await ready(page); await page.locator('#attention .row').first().click(); };
await picture('welcome', `${empty}/?lang=en`, { height: 620, before: (page) => page.waitForSelector('.welcome') });
await picture('city-now-en', `${demo}/?lang=en`, { before: first });
await picture('city-now-ru', `${demo}/?lang=ru`, { theme: 'dark', before: first });
await picture('city-now-zh', `${demo}/?lang=zh`, { before: ready });
await picture('city-now-phone', `${demo}/?lang=ru`, { width: 390, height: 844, before: ready });
await picture('feeds', `${demo}/feeds?lang=en`, { height: 620, before: (page) => page.waitForSelector('table') });
await browser.close();
