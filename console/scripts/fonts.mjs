// Puts the fonts of the console where Vite serves them: public/fonts/*.woff2, fonts.css for the page, and
// src/mapdata/faces.json for the map, which picks slices by unicode-range and knows no CSS. All are made, none is kept in git.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'public', 'fonts');
/** Package, family in the page and on the map, and which slices of it are wanted (all when not said). */
const fonts = [
  { pack: 'inter', family: 'Inter', only: ['latin', 'latin-ext', 'cyrillic', 'cyrillic-ext'] },
  { pack: 'noto-sans-sc', family: 'Noto Sans SC', only: null },
];
const rule = /\/\*\s*(\S+)\s*\*\/\s*@font-face\s*\{([^}]*)\}/g;
const field = (body, name) => new RegExp(`${name}:\\s*([^;]+);`).exec(body)?.[1]?.trim();

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const faces = {};
let css = '';
let bytes = 0;
for (const { pack, family, only } of fonts) {
  const folder = join(root, 'node_modules', '@fontsource-variable', pack);
  const slices = [...readFileSync(join(folder, 'index.css'), 'utf8').matchAll(rule)].map(([, name, body]) => ({
    name, file: /url\(\.\/files\/([^)]+)\)/.exec(body)?.[1], range: field(body, 'unicode-range'), weight: field(body, 'font-weight'),
  }));
  const wanted = slices.filter(({ name }) => !only || only.some((s) => name === `${pack}-${s}-wght-normal`));
  if (wanted.length < (only?.length ?? 50)) throw new Error(`${pack}: only ${wanted.length} slices found; its index.css has changed`);
  faces[family] = wanted.map(({ file, range }) => ({ url: `/fonts/${file}`, 'unicode-range': range.split(',') }));
  for (const { file, range, weight } of wanted) {
    copyFileSync(join(folder, 'files', file), join(out, file));
    bytes += readFileSync(join(out, file)).length;
    css += `@font-face{font-family:"${family}";font-style:normal;font-display:swap;font-weight:${weight};src:url(/fonts/${file}) format("woff2");unicode-range:${range}}\n`;
  }
  copyFileSync(join(folder, 'LICENSE'), join(out, `${pack}.LICENSE.txt`));
}
writeFileSync(join(out, 'fonts.css'), css);
writeFileSync(join(root, 'src', 'mapdata', 'faces.json'), JSON.stringify(faces));
console.log(`${Object.values(faces).flat().length} slices, ${(bytes / 1e6).toFixed(1)} MB`);
