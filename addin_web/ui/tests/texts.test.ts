import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DICTIONARIES, fill, invitationText, textsFor } from "../src/texts";
import { en } from "../src/texts/en";

describe("texts", () => {
  for (const [locale, texts] of Object.entries(DICTIONARIES)) {
    test(`in ${locale} are complete and have the same gaps to fill`, () => {
      assert.deepEqual(Object.keys(texts).sort(), Object.keys(en).sort());
      for (const [key, text] of Object.entries(texts)) {
        assert.notEqual(text.trim(), "", key);
        assert.equal(text.includes("{value}"), en[key as keyof typeof en].includes("{value}"), key);
      }
    });
  }

  test("are in Outlook's language where there is one, else English", () => {
    assert.deepEqual([textsFor("fr-CH").locale, textsFor("fr-CH").texts.open], ["fr-CH", "Ouvrir"]);
    assert.deepEqual([textsFor("sv-SE").locale, textsFor("sv-SE").texts.open], ["en", "Open"]);
    assert.equal(textsFor("").locale, "en");
  });

  test("of the invitation are the nearest to Outlook's language, else the default, else none", () => {
    const texts = new Map(Object.entries({ default: "Welcome", de: "Guten Tag", "de-ch": "Grüezi", es: "Hola" }));
    const found = ["de-CH", "de-AT", "DE", "es-MX", "fr-CH", ""].map((language) => invitationText(texts, language));
    assert.deepEqual(found, ["Grüezi", "Guten Tag", "Guten Tag", "Hola", "Welcome", "Welcome"]);
    assert.equal(invitationText(new Map([["de", "Guten Tag"]]), "fr"), null);
  });

  test("take any value literally", () => {
    assert.equal(fill("New: {value}", "$& {value}"), "New: $& {value}");
  });
});
