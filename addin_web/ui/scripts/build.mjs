/**
 * Build the pages into addin_web/outlook_addin_web/static: HTML, hashed assets with .gz and .br siblings, icons.
 *
 * Another folder may be given as argument. The same sources and lock file always give the same bytes.
 */

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { drawIcon, SIZES } from "./icons.mjs";

const ui = path.resolve(import.meta.dirname, "..");
const target = path.resolve(process.argv[2] ?? path.join(ui, "../outlook_addin_web/static"));
const packages = ["@azure/msal-browser", "@azure/msal-common"];

await rm(target, { recursive: true, force: true });
await mkdir(path.join(target, "assets"), { recursive: true });
await mkdir(path.join(target, "icons"), { recursive: true });

const { metafile } = await build({
  absWorkingDir: ui,
  entryPoints: { taskpane: "src/main.ts", auth: "src/auth.ts", dialog: "src/dialog.ts", pane: "src/pane.css" },
  outdir: path.join(target, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "safari16"],
  minify: true,
  charset: "utf8",
  legalComments: "none", // their licences are in the notices below
  metafile: true,
  logLevel: "warning",
});

await writeNotices();
await writePages(entryNames(metafile));
for (const size of SIZES) await writeFile(path.join(target, "icons", `icon-${size}.png`), drawIcon(size));
await compressAssets();

/** Which hashed file each entry became: `taskpane.js` -> `assets/taskpane-ABCD.js`. */
function entryNames({ outputs }) {
  const entries = Object.entries(outputs).filter(([, output]) => output.entryPoint !== undefined);
  return Object.fromEntries(entries.map(([file]) => {
    const base = path.basename(file);
    return [base.replace(/-[A-Z0-9]+(\.\w+)$/, "$1"), `assets/${base}`];
  }));
}

async function writePages(names) {
  for (const page of ["taskpane", "auth", "dialog"]) {
    const html = await readFile(path.join(ui, "pages", `${page}.html`), "utf8");
    const filled = html.replace(/\{\{(.+?)\}\}/g, (_, name) => {
      if (!(name in names)) throw new Error(`${page}.html wants ${name}, which was not built`);
      return names[name];
    });
    await writeFile(path.join(target, `${page}.html`), filled);
  }
}

async function writeNotices() {
  const parts = [];
  for (const name of packages) {
    const folder = path.join(ui, "node_modules", name);
    const { version } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    parts.push(`${name} ${version}\n\n${await readFile(path.join(folder, "LICENSE"), "utf8")}`);
  }
  const notices = parts.join("\n\n");
  const hash = createHash("sha256").update(notices).digest("hex").slice(0, 8).toUpperCase();
  await writeFile(path.join(target, "assets", `third-party-notices-${hash}.txt`), notices);
}

async function compressAssets() {
  const folder = path.join(target, "assets");
  for (const name of (await readdir(folder)).sort()) {
    const content = await readFile(path.join(folder, name));
    const gzip = gzipSync(content, { level: 9 });
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    const brotli = brotliCompressSync(content, { params });
    await writeFile(path.join(folder, `${name}.gz`), gzip);
    await writeFile(path.join(folder, `${name}.br`), brotli);
    console.log(`${name.padEnd(40)} ${kilobytes(content)} kB, gzip ${kilobytes(gzip)} kB, br ${kilobytes(brotli)} kB`);
  }
}

function kilobytes({ length }) {
  return (length / 1000).toFixed(1).padStart(6);
}
