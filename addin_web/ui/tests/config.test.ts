import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_OFFICE_JS, knownAuthorities, parseConfig } from "../src/config";
import { Problem } from "../src/problem";

const FULL = {
  addinId: "6F0A1F52-55B1-4C1F-9D6F-2A3F0E6B7C11",
  clientId: "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
  authority: "https://login.microsoftonline.com/common",
  tokenScope: "User.Read aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa/.default",
  unbluOAuthBackendUrl: "https://unblu.bank.example/gateway/",
  officeJsUrl: "http://outlook.localhost:8080/office.js",
  conversationTemplateId: "template",
  invitationTexts: { default: "Welcome", "de-CH": "Grüezi" },
  syncServerEnabled: true,
  debugMode: true,
  showDebugPane: true,
  version: "1.0.0",
};

describe("settings", () => {
  test("are read in the form that the pane needs", () => {
    const config = parseConfig(FULL);
    assert.equal(config.addinId, FULL.addinId.toLowerCase());
    assert.equal(config.unbluUrl, "https://unblu.bank.example/gateway");
    assert.equal(config.officeJsUrl, FULL.officeJsUrl);
    assert.deepEqual([...config.invitationTexts], [["default", "Welcome"], ["de-ch", "Grüezi"]]);
    assert.deepEqual(config.tokenScopes, ["User.Read", "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa/.default"]);
  });

  test("may leave out what has a default", () => {
    const { addinId, clientId, authority, tokenScope, unbluOAuthBackendUrl } = FULL;
    const config = parseConfig({ addinId, clientId, authority, tokenScope, unbluOAuthBackendUrl, conversationTemplateId: null, invitationTexts: null });
    assert.equal(config.officeJsUrl, DEFAULT_OFFICE_JS);
    assert.equal(config.invitationTexts.size, 0);
    assert.deepEqual([config.conversationTemplateId, config.debugMode, config.showDebugPane], [null, false, false]);
  });

  for (const key of ["addinId", "clientId", "authority", "tokenScope", "unbluOAuthBackendUrl"]) {
    test(`without ${key} name it`, () => {
      assert.throws(() => parseConfig({ ...FULL, [key]: "" }), (error) => error instanceof Problem && error.detail === key);
    });
  }

  test("never lead to an address that is no web address", () => {
    assert.throws(() => parseConfig({ ...FULL, officeJsUrl: "javascript:alert(1)" }), Problem);
  });
});

test("only sign-in hosts that are not Microsoft's must be made known", () => {
  assert.deepEqual(knownAuthorities("https://login.microsoftonline.com/common"), []);
  assert.deepEqual(knownAuthorities("https://localhost:8444/common"), ["localhost:8444"]);
});
