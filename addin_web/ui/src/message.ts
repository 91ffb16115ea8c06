/** The one sentence that auth.html and dialog.html show. */

import { textsFor } from "./texts";

export function showMessage(key: "nothingHere" | "signInUnavailable"): void {
  const { locale, texts } = textsFor(navigator.language);
  document.documentElement.lang = locale;
  document.querySelector("main")?.replaceChildren(texts[key]);
}
