/** The texts in the language of Outlook. */

import { de } from "./de";
import { en } from "./en";
import { fr } from "./fr";
import { it } from "./it";

export type TextKey = keyof typeof en;
export type Texts = Readonly<Record<TextKey, string>>;

export const DICTIONARIES: Readonly<Record<string, Texts>> = { en, de, fr, it };

/** Dictionary and full language tag (`de-CH` formats dates unlike `de-DE`) for a display language. */
export function textsFor(displayLanguage: string): { locale: string; texts: Texts } {
  const known = DICTIONARIES[displayLanguage.split("-")[0]?.toLowerCase() ?? ""];
  return known === undefined ? { locale: "en", texts: en } : { locale: displayLanguage, texts: known };
}

/** The text for a display language: `de-CH`, or else `de`, or else `default`. */
export function invitationText(texts: ReadonlyMap<string, string>, displayLanguage: string): string | null {
  const parts = displayLanguage.toLowerCase().split("-");
  const tags = parts.map((_, dropped) => parts.slice(0, parts.length - dropped).join("-"));
  const tag = [...tags, "default"].find((each) => texts.has(each));
  return tag === undefined ? null : (texts.get(tag) ?? null);
}

export function fill(text: string, value: string): string {
  return text.replace("{value}", () => value);
}
