// Puts a brotli file and one of gzip beside each text of the built console, so that the node need not compress:
// browsers take brotli only over TLS and on this machine.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const texts = /\.(js|mjs|css|html|svg|json|txt)$/;
const files = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(join(folder, e.name)) : [join(folder, e.name)]));

let served = 0;
for (const file of files(dist).filter((name) => texts.test(name))) {
  const bytes = readFileSync(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const small = brotliCompressSync(bytes, { params });
  if (small.length < bytes.length) writeFileSync(`${file}.br`, small);
  const older = gzipSync(bytes, { level: 9 });
  if (older.length < bytes.length) writeFileSync(`${file}.gz`, older);
  if (/\.m?js$/.test(file)) served += small.length;
}
const limit = 500 * 1024;
console.log(`scripts as served: ${(served / 1024).toFixed(0)} KB; all: ${(files(dist).reduce((sum, f) => sum + statSync(f).size, 0) / 1e6).toFixed(1)} MB`);
if (served > limit) throw new Error(`the scripts are over ${limit / 1024} KB`);
