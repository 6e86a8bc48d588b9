// Regenerates static/vendor from the npm packages pinned in package-lock.json.
//
//   cd tools && npm ci --ignore-scripts && node vendor.mjs
//
// A maintainer's tool. The files it writes are committed; VENDOR.json says where each came
// from, and tests/house/test_vendor.py hashes them again.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { geoEquirectangular, geoPath } from 'd3-geo';
import { feature } from 'topojson-client';

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = path.join(here, 'node_modules');
const target = path.join(here, '..', 'static', 'vendor');

const COPIES = {
  'bootstrap.min.css': 'bootstrap/dist/css/bootstrap.min.css',
  'htmx.min.js': 'htmx.org/dist/htmx.min.js',
  'uPlot.iife.min.js': 'uplot/dist/uPlot.iife.min.js',
  'uPlot.min.css': 'uplot/dist/uPlot.min.css',
  'inter-latin-wght.woff2': '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2',
  'inter-latin-ext-wght.woff2':
    '@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2',
  'licenses/bootstrap.txt': 'bootstrap/LICENSE',
  'licenses/htmx.txt': 'htmx.org/LICENSE',
  'licenses/uplot.txt': 'uplot/LICENSE',
  'licenses/inter.txt': '@fontsource-variable/inter/LICENSE',
  'licenses/tabler-icons.txt': '@tabler/icons/LICENSE',
  'licenses/world-atlas.txt': 'world-atlas/LICENSE',
};

const ICONS = `
  activity adjustments-horizontal alert-circle alert-triangle antenna-bars-5 api arrow-down-right
  arrow-left arrow-right arrow-up-right arrows-exchange arrows-maximize ban bell bolt book box
  building building-bank calendar calendar-dollar calendar-event camera camera-plus cash certificate
  chart-bar check chevron-down chevron-left chevron-right chevron-up circle circle-check
  circle-dashed circle-minus circle-x clock cloud code coin columns copy cpu credit-card database
  device-desktop device-laptop device-mobile device-sim devices discount dots dots-vertical download
  external-link eye eye-off file-certificate file-download file-invoice file-text file-type-pdf
  filter fingerprint gauge heartbeat help history home hourglass inbox info-circle key keyboard
  layout-dashboard license lifebuoy link list-check loader-2 lock lock-open login logout mail
  mail-check mail-opened map-pin menu-2 message-2 messages moon mood-sad network package packages
  paperclip password pencil percentage player-play player-stop plug plug-connected plug-connected-x
  plus power printer qrcode receipt receipt-refund receipt-tax refresh repeat report rocket rotate
  screen-share search selector send server-2 settings shield-check shield-lock shield-x shopping-cart
  stack-2 star sun tag terminal-2 tools trash unlink upload user user-check user-minus user-plus
  users wallet webhook world x
`.trim().split(/\s+/);

const manifest = {};

function packageOf(source) {
  const parts = source.split('/');
  const name = source.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
  const { version, license } = JSON.parse(
    fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'),
  );
  return { package: name, version, license };
}

function write(name, body, source) {
  const bytes = Buffer.from(body);
  fs.mkdirSync(path.dirname(path.join(target, name)), { recursive: true });
  fs.writeFileSync(path.join(target, name), bytes);
  manifest[name] = {
    ...packageOf(source),
    from: source,
    sha256: crypto.createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  };
}

// Hashed static files would look for the map that a sourceMappingURL names, and we ship none.
function withoutSourceMap(text) {
  return text.replace(/\/[/*]# sourceMappingURL=[^\n*]*(\*\/)?/g, '').trimEnd() + '\n';
}

function copy(name, source) {
  const body = fs.readFileSync(path.join(modules, source));
  const isText = /\.(css|js)$/.test(name);
  write(name, isText ? withoutSourceMap(body.toString('utf8')) : body, source);
}

function iconSprite() {
  const symbols = ICONS.map((name) => {
    const file = path.join(modules, '@tabler/icons/icons/outline', `${name}.svg`);
    const shapes = fs
      .readFileSync(file, 'utf8')
      .replace(/^[\s\S]*?<svg[\s\S]*?>/, '')
      .replace(/<\/svg>\s*$/, '')
      .replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, '')
      .replace(/\s*\n\s*/g, '');
    return (
      `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" ` +
      `stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${shapes}</symbol>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join('\n')}\n</svg>\n`;
}

// Equirectangular on 1000 x 500, so a page places a point with x = (lon + 180) / 360 * 1000
// and y = (90 - lat) / 180 * 500 and needs no script.
function worldMap() {
  const topology = JSON.parse(
    fs.readFileSync(path.join(modules, 'world-atlas/land-110m.json'), 'utf8'),
  );
  const projection = geoEquirectangular()
    .scale(1000 / (2 * Math.PI))
    .translate([500, 250])
    .precision(0);
  const outline = geoPath(projection).digits(1)(feature(topology, topology.objects.land));
  return (
    '<svg xmlns="http://www.w3.org/2000/svg">' +
    `<symbol id="land" viewBox="0 0 1000 500"><path d="${outline}"/></symbol></svg>\n`
  );
}

fs.rmSync(target, { recursive: true, force: true });
for (const [name, source] of Object.entries(COPIES)) copy(name, source);
write('icons.svg', iconSprite(), '@tabler/icons/icons/outline');
write('world.svg', worldMap(), 'world-atlas/land-110m.json');

const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)));
fs.writeFileSync(path.join(target, 'VENDOR.json'), JSON.stringify(sorted, null, 2) + '\n');
console.table(sorted, ['package', 'version', 'bytes']);
