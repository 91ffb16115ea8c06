/** The add-in server's side of synchronisation: it watches the agent's calendar once asked to. */

import type { Credentials } from "./credentials";
import { send } from "./http";
import { isObject, type JsonObject, stringOf } from "./json";

export type SyncState =
  | { readonly kind: "off" }
  | { readonly kind: "on"; readonly ready: boolean; readonly reason: string | null };

export class Mailbox {
  constructor(
    private readonly base: string,
    private readonly credentials: Credentials,
  ) {}

  /** Ask the server to watch the signed-in agent's calendar; asking again changes nothing. */
  async watch(): Promise<SyncState> {
    return this.call("mailbox.watch", "PUT");
  }

  /** How the watching stands, without asking for it. */
  async state(): Promise<SyncState> {
    return this.call("mailbox.state", "GET");
  }

  private async call(operation: string, method: "GET" | "PUT"): Promise<SyncState> {
    const url = new URL("api/mailbox", this.base).href;
    return parseSync(await send({ operation, method, url }, this.credentials));
  }
}

function parseSync(json: JsonObject): SyncState {
  if (json["sync"] !== "on") return { kind: "off" };
  const subscription = json["subscription"];
  if (!isObject(subscription)) return { kind: "on", ready: false, reason: null };
  return { kind: "on", ready: subscription["ready"] === true, reason: stringOf(subscription, "reason") };
}
