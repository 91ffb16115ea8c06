/** Bundle each test for Node and run them with its own runner. */

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";

const ui = path.resolve(import.meta.dirname, "..");
const out = path.join(ui, "build", "tests");
const tests = readdirSync(path.join(ui, "tests")).filter((name) => name.endsWith(".test.ts"));

rmSync(out, { recursive: true, force: true });
await build({
  absWorkingDir: ui,
  entryPoints: tests.map((name) => `tests/${name}`),
  outdir: out,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: "inline",
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});
const files = tests.map((name) => path.join(out, name.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", ...files, ...process.argv.slice(2)], { stdio: "inherit", cwd: ui });
process.exitCode = status ?? 1;
