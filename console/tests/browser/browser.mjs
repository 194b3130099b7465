// What the checks in the browser share: Debian's Chromium in software rendering, and small helps.
import { chromium } from 'playwright-core';

export const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-unsafe-swiftshader'];
export const LANGS = ['en', 'ru', 'zh'];
export const openBrowser = (flags = FLAGS) => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags });

/** Waits until the map is drawn, or the list of places stands in its place. */
export const ready = (page, timeout = 60_000) => page.waitForFunction(() => window.ready === true || document.querySelector('.places table, .welcome, .feeds h1, .query h1'), null, { timeout });

/** Opens a page of the console and notes every request that leaves the node and every error. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', ...options });
  const page = await context.newPage();
  const foreign = [];
  const errors = [];
  const home = new URL(url).origin;
  page.on('request', (request) => { const to = request.url(); if (!/^(data|blob):/.test(to) && new URL(to).origin !== home) foreign.push(to); });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error' && /Content Security Policy|Uncaught/.test(message.text())) errors.push(message.text()); });
  const started = Date.now();
  await page.goto(url);
  return { context, page, foreign, errors, started, close: () => context.close() };
}
