// Small helps of the checks in the browser.
import { execFile } from 'node:child_process';
import { LANGS, open, ready } from './browser.mjs';

export const shell = (command) => new Promise((done, fail) => execFile('/bin/sh', ['-c', command], (error) => (error ? fail(error) : done())));
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until `check` is true; errors on the way count as "not yet". */
export async function until(check, ms, what) {
  const end = Date.now() + ms;
  for (;;) {
    if (await Promise.resolve().then(check).catch(() => false)) return;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await sleep(200);
  }
}
/** Runs `check` on a new page in each language. */
export async function inEach(browser, node, check, { path = '/', query = '', options = {} } = {}) {
  for (const lang of LANGS) {
    const seen = await open(browser, `${node.url}${path}?lang=${lang}${query}`, options);
    try { await ready(seen.page); await check(seen.page, lang, seen); } finally { await seen.close(); }
  }
}
export const rows = (page) => page.locator('#attention .row');
export const hasAttention = async (node) => (await node.get('/console/now')).attention.length > 0;
