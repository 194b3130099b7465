// A stand-in for the node, for working on the console without one: `npm run mock`. It invents a small city that
// moves, and answers as /console does. It is a test tool: nothing of it is in the built console.
//   PORT=8098   CHORSU_MOCK=empty (an empty node) | late (a feed that went silent) | burst (five alerts after 5 s)   DIST=dist serves the build
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { City } from './mock-city.mjs';

const port = Number(process.env.PORT ?? 8098);
const dist = fileURLToPath(new URL(`../${process.env.DIST ?? 'dist'}`, import.meta.url));
const city = new City(process.env.CHORSU_MOCK ?? '');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.woff2': 'font/woff2', '.txt': 'text/plain' };
const csp = "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; style-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const json = (res, body, status = 200) => {
  res.writeHead(status, { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json' });
  res.end(JSON.stringify(body));
};
const done = (res, status = 204) => { res.writeHead(status); res.end(); };
const heard = (req, then) => { let body = ''; req.on('data', (part) => { body += part; }); req.on('end', () => setTimeout(() => then(body), 400)); };
const missing = (res) => json(res, { title: 'Not found', status: 404, detail: 'there is no such thing here' }, 404);

function file(res, path) {
  const asked = normalize(join(dist, path));
  const name = asked.startsWith(dist) && existsSync(asked) && statSync(asked).isFile() ? asked : extname(path) ? null : join(dist, 'index.html');
  if (!name || !existsSync(name)) return missing(res);
  res.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream', 'content-security-policy': csp, 'cache-control': 'no-cache' });
  createReadStream(name).pipe(res);
}

function live(req, res) {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (event, data, id) => res.write(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
  const tick = () => send('tick', { time: new Date().toISOString(), head: city.seq, seq: city.seq }, city.seq);
  tick();
  const turns = [setInterval(() => send('changes', city.changes(), city.seq), 1_000), setInterval(() => send('now', city.now()), 2_000), setInterval(tick, 5_000)];
  city.onCity(() => send('city', {}));
  req.on('close', () => turns.forEach(clearInterval));
}

const server = createServer((req, res) => {
  const url = new URL(req.url, `http://127.0.0.1:${port}`);
  const q = url.searchParams;
  const path = decodeURIComponent(url.pathname);
  const part = /^\/console\/(?:entities|attention)\/(.+?)(?:\/(series|acknowledge))?$/.exec(path);
  if (path === '/console/city') return json(res, city.about());
  if (path === '/console/now') return json(res, city.now());
  if (path === '/console/layers') return json(res, city.layers());
  if (path === '/console/live') return live(req, res);
  if (path === '/console/list') return json(res, city.list(q));
  if (path === '/console/search') return json(res, city.search(q.get('q') ?? ''));
  if (path.startsWith('/console/tiles/')) return done(res);
  if (path.startsWith('/console/load/')) { city.load(path.split('/').pop()); return done(res, 202); }
  if (part && path.startsWith('/console/attention/')) return done(res, city.acknowledge(part[1], req.method === 'POST') ? 204 : 404);
  if (part?.[2] === 'series') { const s = city.series(part[1], q); return s ? json(res, s) : missing(res); }
  if (part) { const e = city.entity(part[1]); return e ? json(res, e) : missing(res); }
  if (path === '/feeds' && !req.headers.accept?.includes('text/html')) return json(res, city.feeds());
  if (path === '/sql/tables') return process.env.CHORSU_MOCK === 'plain' ? json(res, { title: 'Not supported', status: 501, detail: 'this node was built without analytics' }, 501) : json(res, city.tables());
  if (path === '/sql' && req.method === 'POST') return heard(req, (body) => { const said = city.sql(JSON.parse(body).query); json(res, said, said.status ?? 200); });
  // For tests: what only the world can do.
  if (path === '/mock/raise') { city.raise(Number(q.get('n') ?? 5)); return done(res); }
  if (path.startsWith('/console')) return missing(res);
  return file(res, path);
});
server.listen(port, '127.0.0.1', () => console.log(`a mock of the node, not a node: http://127.0.0.1:${port}/`));
