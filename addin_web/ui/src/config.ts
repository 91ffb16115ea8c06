/** The public settings that the add-in server publishes beside this page as `config.json`. */

import { isObject, type JsonObject } from "./json";
import { Problem } from "./problem";

export interface Config {
  readonly addinId: string;
  readonly clientId: string;
  readonly authority: string;
  readonly tokenScopes: readonly string[];
  /** The Auth Gateway in front of Unblu, without a trailing slash. */
  readonly unbluUrl: string;
  readonly officeJsUrl: string;
  readonly conversationTemplateId: string | null;
  /** Words for the invitation, by language tag or `default`. */
  readonly invitationTexts: ReadonlyMap<string, string>;
  readonly syncServerEnabled: boolean;
  readonly debugMode: boolean;
  readonly showDebugPane: boolean;
  readonly version: string;
}

export const DEFAULT_OFFICE_JS = "https://appsforoffice.microsoft.com/lib/1/hosted/office.js";

/** Raises `Problem` configInvalid with the name of the setting at fault. */
export function parseConfig(json: unknown): Config {
  if (!isObject(json)) throw new Problem("configInvalid", "config.json");
  return {
    addinId: text(json, "addinId").toLowerCase(),
    clientId: text(json, "clientId"),
    authority: address(json, "authority"),
    tokenScopes: text(json, "tokenScope").split(/\s+/u),
    unbluUrl: address(json, "unbluOAuthBackendUrl").replace(/\/+$/u, ""),
    officeJsUrl: json["officeJsUrl"] === undefined ? DEFAULT_OFFICE_JS : address(json, "officeJsUrl"),
    conversationTemplateId: optionalText(json, "conversationTemplateId"),
    invitationTexts: namedTexts(json["invitationTexts"]),
    syncServerEnabled: json["syncServerEnabled"] === true,
    debugMode: json["debugMode"] === true,
    showDebugPane: json["showDebugPane"] === true,
    version: optionalText(json, "version") ?? "unknown",
  };
}

export async function loadConfig(): Promise<Config> {
  let response: Response;
  try {
    response = await fetch("config.json", { cache: "no-cache", signal: AbortSignal.timeout(20_000) });
  } catch (error) {
    throw new Problem("unreachable", "config.json", { cause: error });
  }
  if (!response.ok) throw new Problem("configInvalid", `config.json ${response.status}`);
  return parseConfig(await response.json().catch(() => null));
}

/** MSAL trusts Microsoft's sign-in hosts by itself; any other authority must be named, or it asks Microsoft first. */
export function knownAuthorities(authority: string): string[] {
  const { host, hostname } = new URL(authority);
  return MICROSOFT_HOSTS.has(hostname) ? [] : [host];
}

const MICROSOFT_HOSTS = new Set([
  "login.microsoftonline.com",
  "login.microsoft.com",
  "login.windows.net",
  "login.microsoftonline.us",
  "login.partner.microsoftonline.cn",
]);

function text(json: JsonObject, key: string): string {
  const value = optionalText(json, key);
  if (value === null) throw new Problem("configInvalid", key);
  return value;
}

function optionalText(json: JsonObject, key: string): string | null {
  const value = json[key];
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

/** Names in lower case: language tags differ in capitals from client to client. */
function namedTexts(value: unknown): Map<string, string> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return new Map(entries.flatMap(([name, each]) => (typeof each === "string" ? [[name.toLowerCase(), each]] : [])));
}

function address(json: JsonObject, key: string): string {
  const value = text(json, key);
  if (!URL.canParse(value) || !/^https?:$/u.test(new URL(value).protocol)) throw new Problem("configInvalid", key);
  return value;
}
