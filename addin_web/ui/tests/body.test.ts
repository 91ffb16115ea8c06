import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findBlock, leadsTo, relink, renderInvitation } from "../src/body";

const UUID = "33333333-3333-4333-8333-333333333333";
const OTHER = "44444444-4444-4444-8444-444444444444";
const URL = "https://unblu.test/join?id=1&lang=de";
const INVITATION = { title: "A <b> & \"c\"", join: "Join", text: null };

describe("the invitation block", () => {
  test("escapes what it is made of", () => {
    const block = renderInvitation("html", UUID, 'https://x.test/?a="><script>&b', INVITATION);
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
      const body = rewrite(renderInvitation("html", UUID, URL, INVITATION));
      assert.deepEqual(findBlock("html", body), { uuid: UUID, url: URL });
      assert.ok(leadsTo("html", body, UUID, URL));
    });
  }

  test("is found again in plain text", () => {
    const body = `Hello\r\n${renderInvitation("text", UUID, URL, INVITATION)}Bye`;
    assert.deepEqual(findBlock("text", body), { uuid: null, url: URL });
    assert.ok(leadsTo("text", body, UUID, URL));
  });

  test("of another conversation does not count, a pasted link does", () => {
    const foreign = renderInvitation("html", OTHER, "https://unblu.test/join?id=2", INVITATION);
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
    const block = renderInvitation("html", UUID, URL, INVITATION);
    const around = (inner: string) => `<p class=x>Hi&nbsp;&amp; bye</p>${inner}<table><tr><td>1`;
    const found = findBlock("html", around(block));
    assert.ok(found !== null);
    for (const other of ["https://unblu.test/join?id=9&lang=de", "https://unblu.test/join/$&?to=$'"]) {
      const changed = relink("html", around(block), found, OTHER, other);
      assert.equal(changed, around(renderInvitation("html", OTHER, other, INVITATION)));
    }
  });
});

/** Words that try to be taken for the block: its marks, other links, HTML. */
const WORDS = [
  `Dear client\nof <b>ours</b> & yours, id=outlook-addin-unblu-${OTHER}: https://bank.test/before`,
  "[Unblu Conversation] [[Unblu Conversation]] https://bank.test/mark",
  "{link}",
  "Read https://bank.test/after",
].join("\n\n");

/** Outlook makes links of addresses. */
function autolinked(body: string): string {
  return body.replaceAll(/(?<!")https:\/\/bank\.test\/\w+/gu, (url) => `<a href="${url}">${url}</a>`);
}

describe("an invitation in the bank's words", () => {
  test("is made of paragraphs around the block, in HTML", () => {
    const text = "\r\nDear <b>\r\nclient\r\n \r\nCome: {link}\n\n\nBye\n";
    const bare = renderInvitation("html", UUID, URL, INVITATION).replace(/<br>$/u, "");
    assert.equal(
      renderInvitation("html", UUID, URL, { ...INVITATION, text }),
      `<p>Dear &lt;b&gt;<br>client</p><p>Come:</p>${bare}<p>Bye</p><br>`,
    );
  });

  test("is made of paragraphs around the block, in plain text", () => {
    assert.equal(
      renderInvitation("text", UUID, URL, { ...INVITATION, text: "Dear <b>\nclient\n\n{link}\n\nBye" }),
      `Dear <b>\nclient\n\n[Unblu Conversation]\nJoin: ${URL}\n\nBye\n\n`,
    );
  });

  for (const type of ["html", "text"] as const) {
    test(`ends with the link if it names no place for it (${type})`, () => {
      const rendered = renderInvitation(type, UUID, URL, { ...INVITATION, text: "Welcome" });
      assert.ok(rendered.indexOf("Welcome") < rendered.indexOf("https://unblu.test"));
    });

    test(`is found and leads to another conversation, whatever the words (${type})`, () => {
      const client = type === "html" ? autolinked : (body: string) => body;
      const invitation = { ...INVITATION, text: WORDS };
      const body = client(renderInvitation(type, UUID, URL, invitation));
      const block = findBlock(type, body);
      assert.deepEqual(block, { uuid: type === "html" ? UUID : null, url: URL });
      assert.ok(leadsTo(type, body, UUID, URL));
      const other = "https://unblu.test/join?id=9&lang=de";
      assert.ok(!leadsTo(type, body, OTHER, other));
      assert.equal(relink(type, body, block, OTHER, other), client(renderInvitation(type, OTHER, other, invitation)));
    });

    test(`may be as long as it likes (${type})`, () => {
      const body = renderInvitation(type, UUID, URL, { ...INVITATION, text: `${"long ".repeat(1600)}{link}` });
      assert.equal(findBlock(type, body)?.url, URL);
    });
  }
});
