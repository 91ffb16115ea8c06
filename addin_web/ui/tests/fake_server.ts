/** Unblu behind its gateway and the add-in's own server, in one stateful `fetch`. */

import { isObject, type JsonObject } from "../src/json";

export const GATEWAY = "https://unblu.test/gateway";
export const PANE = "https://addin.test/addin/taskpane.html";
const API = `${GATEWAY}/app/rest/v4/`;

export interface StoredConversation {
  id: string;
  sourceId: string;
  state: string;
  topic: string;
  scheduledTimestamp: number;
  links: { type: string; url: string }[];
  [other: string]: unknown;
}

export class FakeServer {
  readonly conversations: StoredConversation[] = [];
  readonly watched: string[] = [];
  /** Tokens that are refused with 401. */
  readonly refusedTokens = new Set<string>();
  publicLinks = true;
  sync: JsonObject = { sync: "on", subscription: { name: "s", ready: true, reason: "Subscribed", expirationTime: null } };
  mailboxDown = false;
  /** Conversations are made, but the answer gets lost. */
  losesCreateAnswers = false;
  /** What `create` answers while it is set. */
  createStatus: number | null = null;
  /** Answers `search` as if the index had not caught up, this many times. */
  staleSearches = 0;
  offline = false;
  changesDenied = false;

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    await Promise.resolve();
    if (this.offline) throw new TypeError("Failed to fetch");
    const token = new Headers(init.headers).get("Authorization") ?? "";
    if (!token.startsWith("Bearer ") || this.refusedTokens.has(token.slice(7))) return error(401);
    if (url === new URL("api/mailbox", PANE).href) return this.watch(init, token);
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : {};
    if (!url.startsWith(API) || !isObject(body)) return error(404);
    return this.unblu(url.slice(API.length), body);
  };

  private watch(init: RequestInit, token: string): Response {
    if (this.mailboxDown) return error(503);
    if (init.method === "PUT") this.watched.push(token);
    return Response.json(this.sync);
  }

  private unblu(path: string, body: JsonObject): Response {
    const change = /^conversations\/([^/]+)\/(setTopic|setScheduledTimestamp)$/u.exec(path);
    if (change !== null) return this.change(change[1] ?? "", body);
    switch (path) {
      case "authenticator/getCurrentPerson": return Response.json({ id: "person-1" });
      case "conversations/search": return this.search(body);
      case "conversations/create": return this.create(body);
      default: return error(404);
    }
  }

  private search(body: JsonObject): Response {
    if (this.staleSearches > 0) {
      this.staleSearches -= 1;
      return Response.json({ items: [], hasMoreItems: false });
    }
    const [filter] = body["searchFilters"] as [{ field: string; operator: { type: string; value: string } }];
    if (filter.field !== "SOURCE_ID" || filter.operator.type !== "EQUALS") return error(400);
    const items = this.conversations.filter(({ sourceId }) => sourceId === filter.operator.value);
    return Response.json({ items, hasMoreItems: false });
  }

  private create(body: JsonObject): Response {
    if (this.createStatus !== null) return error(this.createStatus);
    const wanted = body as unknown as StoredConversation;
    const taken = this.conversations.some(({ sourceId, state }) => sourceId === wanted.sourceId && state !== "ENDED");
    if (taken) return error(409);
    const id = `c${this.conversations.length + 1}`;
    const links = [{ type: "OPEN_IN_AGENT_DESK", url: "https://unblu.test/desk" }];
    if (this.publicLinks) links.push({ type: "OPEN_PUBLIC_LINK", url: `https://unblu.test/join?id=${id}&lang=en` });
    const conversation = { ...wanted, id, state: "CREATED", links };
    this.conversations.push(conversation);
    if (this.losesCreateAnswers) throw new TypeError("connection reset");
    return Response.json(conversation);
  }

  private change(id: string, body: JsonObject): Response {
    if (this.changesDenied) return error(403);
    const conversation = this.conversations.find((entry) => entry.id === id);
    if (conversation === undefined) return error(404);
    Object.assign(conversation, body);
    return Response.json(conversation);
  }
}

function error(status: number): Response {
  return Response.json({ errorMessage: "no", statusCode: status }, { status });
}
