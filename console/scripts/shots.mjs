// Pictures of the console in three languages, two themes and three widths: `npm run shots [folder]`, of CHORSU_URL or the mock.
import { mkdirSync } from 'node:fs';
import { openBrowser, ready } from '../tests/browser/browser.mjs';

const base = process.env.CHORSU_URL ?? 'http://127.0.0.1:8098';
const out = process.argv[2] ?? 'shots';
const only = process.env.SHOTS?.split(',') ?? null;
const sizes = { 390: 844, 1440: 900, 1920: 1080 };
mkdirSync(out, { recursive: true });
const browser = await openBrowser();
for (const lang of ['en', 'ru', 'zh']) for (const theme of ['light', 'dark']) for (const [width, height] of Object.entries(sizes)) {
  const name = `city-now-${lang}-${theme}-${width}`;
  if (only && !only.some((word) => name.includes(word))) continue;
  const context = await browser.newContext({ viewport: { width: Number(width), height }, colorScheme: theme, timezoneId: 'Asia/Tashkent' });
  const page = await context.newPage();
  await page.goto(`${base}/?lang=${lang}${process.env.SHOT_QUERY ?? ''}`);
  await ready(page);
  if (process.env.SHOT_CLICK) await page.click(process.env.SHOT_CLICK);
  await page.waitForTimeout(1_200);
  await page.screenshot({ path: `${out}/${name}.png` });
  console.log(`${out}/${name}.png`);
  await context.close();
}
await browser.close();
