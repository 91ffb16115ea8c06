/** The debug panel: facts about where the pane runs. No names, addresses, subjects or tokens. */

import type { Config } from "./config";
import { h } from "./dom";
import { offersNestedSignIn, supportsMailbox } from "./host";
import type { Texts } from "./texts";

export function environmentPanel(config: Config, texts: Texts): HTMLElement {
  const rows = Object.entries(facts(config)).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("details", { class: "debug" }, h("summary", {}, texts.debugHeading), h("dl", {}, ...rows));
}

function facts(config: Config): Readonly<Record<string, string>> {
  const { diagnostics, displayLanguage, platform } = Office.context;
  return {
    version: config.version,
    addinId: config.addinId,
    authority: config.authority,
    scopes: config.tokenScopes.join(" "),
    gateway: config.unbluUrl,
    sync: config.syncServerEnabled ? "enabled" : "disabled",
    host: `${diagnostics.host} ${diagnostics.version}`,
    platform: String(platform),
    client: Office.context.mailbox.diagnostics.hostName,
    mailbox: `1.${highestMailboxSet()}`,
    signIn: offersNestedSignIn() ? "nested" : "dialog",
    language: displayLanguage,
    theme: document.documentElement.dataset["theme"] ?? "system",
  };
}

function highestMailboxSet(): number {
  let minor = 1;
  while (minor < 30 && supportsMailbox(`1.${minor + 1}`)) minor += 1;
  return minor;
}
