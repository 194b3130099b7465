// The fifteen expectations of the console, in a real browser: `npm run browser [words]`; words choose files by name.
//   CHORSU_URL      a running node; else CHORSU_BINARY is started as a demo, else the mock
//   CHORSU_STOP_CMD, CHORSU_START_CMD   how to stop and start that node (known by themselves when this script starts it)
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBrowser } from './browser.mjs';
import { shell, until } from './help.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const words = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'chorsu-browser-'));
const given = process.env.CHORSU_URL;
const binary = process.env.CHORSU_BINARY;
const port = given ? 0 : 20_000 + (process.pid % 20_000);
const url = given ?? `http://127.0.0.1:${port}`;
let child = null;

function startOwn() {
  child = binary
    ? spawn(binary, ['demo', '--listen', `127.0.0.1:${port}`, '--data', folder, '--sensors', '600'], { stdio: 'ignore' })
    : spawn(process.execPath, [join(here, '../../scripts/mock.mjs')], { stdio: 'ignore', env: { ...process.env, PORT: String(port) } });
}
const stopOwn = () => new Promise((gone) => { if (!child || child.exitCode !== null) return gone(); child.once('exit', gone); child.kill('SIGTERM'); });
const node = {
  url, isMock: !given && !binary,
  canStop: !given || Boolean(process.env.CHORSU_STOP_CMD && process.env.CHORSU_START_CMD),
  stop: () => (given ? shell(process.env.CHORSU_STOP_CMD) : stopOwn()),
  start: async () => { if (given) await shell(process.env.CHORSU_START_CMD); else startOwn(); },
  get: async (path) => (await fetch(url + path)).json(),
};

if (!given) startOwn();
let failed = 0;
let browser;
try {
  await until(async () => { const city = await node.get('/console/city'); return !city.loading && !city.empty && (await node.get('/console/now')).measures.length > 0; }, 240_000, 'the node to show a city');
  // What is unusual is known once the past has been learned; a node in which all is well is checked as it is.
  await until(async () => (await node.get('/console/now')).attention.some((item) => item.location), 150_000, 'something that needs attention').catch((late) => console.log(String(late.message)));
  // One source is stopped: what comes of it is seen at the end.
  if (!node.isMock) await fetch(`${url}/feeds/drones`, { method: 'DELETE' });
  browser = await openBrowser();
  const files = readdirSync(here).filter((name) => name.endsWith('.check.mjs') && (!words.length || words.some((word) => name.includes(word)))).sort();
  for (const file of files) {
    const { default: checks } = await import(join(here, file));
    for (const [name, check] of Object.entries(checks)) {
      const started = Date.now();
      try {
        const skipped = await check({ browser, node });
        console.log(`${skipped ? 'skip' : 'ok  '} ${name}${skipped ? `: ${skipped}` : ` (${Date.now() - started} ms)`}`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL ${name}\n     ${String(error.stack ?? error).split('\n').slice(0, 6).join('\n     ')}`);
      }
    }
  }
} finally {
  await browser?.close();
  await stopOwn();
  rmSync(folder, { recursive: true, force: true });
}
console.log(failed ? `${failed} failed` : 'all as expected');
process.exitCode = failed ? 1 : 0;
