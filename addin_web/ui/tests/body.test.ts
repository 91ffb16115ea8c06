import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findBlock, leadsTo, relink, renderBlock } from "../src/body";

const UUID = "33333333-3333-4333-8333-333333333333";
const OTHER = "44444444-4444-4444-8444-444444444444";
const URL = "https://unblu.test/join?id=1&lang=de";
const INVITATION = { title: "A <b> & \"c\"", join: "Join" };

describe("the invitation block", () => {
  test("escapes what it is made of", () => {
    const block = renderBlock("html", UUID, 'https://x.test/?a="><script>&b', INVITATION);
    assert.ok(!block.includes("<script>"));
    assert.ok(block.includes("A &lt;b&gt; &amp; &quot;c&quot;"));
  });

  for (const [client, rewrite] of Object.entries({
    "as written": (html: string) => html,
    "with prefixed ids": (html: string) => html.replace('id="', 'id="x_x_'),
    "with bare attributes": (html: string) => html.replace(/id="([^"]+)"/u, "ID=$1").replace(/"/gu, "'"),
    "nested deeper": (html: string) => `<html><body><div class="x"><p>Hi</p>${html.replace("<p>", "<div><div>")}</div></body></html>`,
  })) {
    test(`is found again ${client}`, () => {
      const body = rewrite(renderBlock("html", UUID, URL, INVITATION));
      assert.deepEqual(findBlock("html", body), { uuid: UUID, url: URL });
      assert.ok(leadsTo("html", body, UUID, URL));
    });
  }

  test("is found again in plain text", () => {
    const body = `Hello\r\n${renderBlock("text", UUID, URL, INVITATION)}Bye`;
    assert.deepEqual(findBlock("text", body), { uuid: null, url: URL });
    assert.ok(leadsTo("text", body, UUID, URL));
  });

  test("of another conversation does not count, a pasted link does", () => {
    const foreign = renderBlock("html", OTHER, "https://unblu.test/join?id=2", INVITATION);
    assert.ok(!leadsTo("html", foreign, UUID, URL));
    assert.ok(leadsTo("html", `<p>https://unblu.test/join?id=1&amp;lang=de</p>${foreign}`, UUID, URL));
  });

  test("without its link does not count", () => {
    assert.ok(!leadsTo("html", `<div id="outlook-addin-unblu-${UUID}"></div>`, UUID, URL));
  });

  test("is absent from other bodies", () => {
    for (const body of ["", "<p>Hi</p>", '<div id="outlook-addin-unblu-5"><a href="https://x.test">x</a></div>']) {
      assert.equal(findBlock("html", body), null);
    }
  });

  test("changes conversation without touching anything else", () => {
    const block = renderBlock("html", UUID, URL, INVITATION);
    const around = (inner: string) => `<p class=x>Hi&nbsp;&amp; bye</p>${inner}<table><tr><td>1`;
    const found = findBlock("html", around(block));
    assert.ok(found !== null);
    const changed = relink("html", around(block), found, OTHER, "https://unblu.test/join?id=9&lang=de");
    assert.equal(changed, around(renderBlock("html", OTHER, "https://unblu.test/join?id=9&lang=de", INVITATION)));
  });
});
