import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

const folders: string[] = [];

function buildInto(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "outlook-addin-pane-"));
  folders.push(folder);
  execFileSync(process.execPath, ["scripts/build.mjs", folder], { stdio: "pipe" });
  return folder;
}

function filesOf(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(names.map(({ name, parentPath }) => {
    const file = path.join(parentPath, name);
    return [path.relative(folder, file), readFileSync(file)];
  }));
}

describe("the build", () => {
  let files: Map<string, Buffer>;
  before(() => { files = filesOf(buildInto()); });
  after(() => { for (const folder of folders) rmSync(folder, { recursive: true }); });
  const matching = (pattern: RegExp) => [...files].filter(([name]) => pattern.test(name));

  test("gives the same bytes every time", () => {
    assert.deepEqual(filesOf(buildInto()), files);
  });

  test("fits a content security policy without inline code, inline style or eval", () => {
    for (const [name, content] of matching(/\.html$/u)) {
      const html = content.toString();
      assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:/iu, name);
    }
    const scripts = matching(/\.js$/u);
    assert.ok(scripts.length >= 3);
    for (const [name, content] of scripts) assert.doesNotMatch(content.toString(), /\beval\(|\bnew Function\b|[^\w.]Function\(["'`]/u, name);
  });

  test("has every file that its pages mention, under a hashed name", () => {
    const pages = matching(/^(?:taskpane|auth|dialog)\.html$/u);
    assert.equal(pages.length, 3);
    for (const [page, content] of pages) {
      const mentioned = [...content.toString().matchAll(/(?:src|href)="([^"]+)"/gu)].map(([, file]) => file ?? "");
      for (const file of mentioned) assert.ok(files.has(file), `${page}: ${file}`);
      for (const file of mentioned.filter((name) => name.startsWith("assets/"))) assert.match(file, /-[A-Z0-9]{8}\.(?:js|css)$/u);
    }
  });

  test("puts compressed siblings beside each asset", () => {
    const assets = matching(/^assets\/.*\.(?:js|css|txt)$/u);
    for (const [name, content] of assets) {
      assert.deepEqual(gunzipSync(files.get(`${name}.gz`) ?? Buffer.alloc(0)), content);
      assert.deepEqual(brotliDecompressSync(files.get(`${name}.br`) ?? Buffer.alloc(0)), content);
    }
    assert.ok(assets.length >= 4);
  });

  test("draws the icons that the manifest names", () => {
    for (const size of [16, 32, 48, 64, 80, 128]) {
      const icon = files.get(`icons/icon-${size}.png`);
      assert.deepEqual([icon?.toString("latin1", 1, 4), icon?.readUInt32BE(16), icon?.readUInt32BE(20)], ["PNG", size, size]);
    }
  });

  test("shows the pane before it loads the sign-in library", () => {
    const html = files.get("taskpane.html")?.toString() ?? "";
    const [, entry] = /src="(assets\/taskpane-[^"]+)"/u.exec(html) ?? [];
    const script = files.get(entry ?? "")?.toString() ?? "";
    const loadedFirst = [...script.matchAll(/(?:^|[;\n])import(?:[^"();]*from)?"\.\/([^"]+)"/gu)].map(([, name]) => files.get(`assets/${name}`)?.length ?? 0);
    assert.ok(loadedFirst.reduce((sum, length) => sum + length, script.length) < 80_000);
  });

  test("carries the licences of what it bundles", () => {
    const [notices] = matching(/third-party-notices-.*\.txt$/u);
    assert.match(notices?.[1].toString() ?? "", /@azure\/msal-browser[\s\S]*MIT License[\s\S]*@azure\/msal-common/u);
  });
});
