/** The part of the Unblu Web API (v4) that an agent's pane needs, behind the Auth Gateway. */

import type { Credentials } from "./credentials";
import { send } from "./http";
import { type JsonObject, numberOf, objectsOf, stringOf } from "./json";
import { Problem } from "./problem";

export interface Conversation {
  readonly id: string;
  readonly state: string;
  readonly topic: string;
  /** Milliseconds since the epoch. */
  readonly scheduled: number | null;
  /** For participants; null when Unblu gives none. */
  readonly publicLink: string | null;
}

export interface NewConversation {
  readonly sourceId: string;
  readonly topic: string;
  readonly scheduled: number;
  readonly locale: string;
  readonly templateId: string | null;
}

export class Unblu {
  private readonly base: string;

  constructor(
    gateway: string,
    private readonly credentials: Credentials,
  ) {
    this.base = `${gateway}/app/rest/v4`;
  }

  /** All of the agent's conversations with this source id: at most one that has not ended. */
  async findBySourceId(sourceId: string): Promise<readonly Conversation[]> {
    const operator = { $_type: "EqualsIdOperator", type: "EQUALS", value: sourceId };
    const filter = { $_type: "SourceIdConversationSearchFilter", field: "SOURCE_ID", operator };
    const result = await this.post("search", "conversations/search", {
      $_type: "ConversationQuery",
      searchFilters: [filter],
      offset: 0,
      limit: 50,
    });
    return objectsOf(result, "items").map(parseConversation);
  }

  /** A REGISTERED_USER may only create conversations whose sole participant and assignee is the agent. */
  async create(wanted: NewConversation): Promise<Conversation> {
    const participant = {
      $_type: "ConversationCreationParticipantData",
      personId: await this.currentPersonId(),
      participationType: "ASSIGNED_AGENT",
    };
    const template = wanted.templateId === null ? {} : { conversationTemplateId: wanted.templateId };
    const created = await this.post("create", "conversations/create", {
      $_type: "ConversationCreationData",
      initialEngagementType: "SCHEDULED_CONVERSATION",
      topic: wanted.topic,
      scheduledTimestamp: wanted.scheduled,
      locale: wanted.locale,
      sourceId: wanted.sourceId,
      participants: [participant],
      ...template,
    });
    return parseConversation(created);
  }

  /** Needs com.unblu.conversation.message.allowNonAdminUsersChangeConversationTopicViaWebApi. */
  async setTopic(id: string, topic: string): Promise<void> {
    await this.post("setTopic", `conversations/${encodeURIComponent(id)}/setTopic`, { topic });
  }

  /** Needs com.unblu.conversation.message.allowNonAdminUsersChangeConversationScheduledTimeViaWebApi. */
  async setScheduled(id: string, scheduledTimestamp: number): Promise<void> {
    const path = `conversations/${encodeURIComponent(id)}/setScheduledTimestamp`;
    await this.post("setScheduledTimestamp", path, { scheduledTimestamp });
  }

  private async currentPersonId(): Promise<string> {
    const url = `${this.base}/authenticator/getCurrentPerson`;
    const person = await send({ operation: "unblu.getCurrentPerson", method: "GET", url }, this.credentials);
    const id = stringOf(person, "id");
    if (id === null) throw new Problem("server", "unblu.getCurrentPerson without id");
    return id;
  }

  private async post(name: string, path: string, body: unknown): Promise<JsonObject> {
    const call = { operation: `unblu.${name}`, method: "POST", url: `${this.base}/${path}`, body } as const;
    return send(call, this.credentials);
  }
}

function parseConversation(json: JsonObject): Conversation {
  const id = stringOf(json, "id");
  const state = stringOf(json, "state");
  if (id === null || state === null) throw new Problem("server", "unblu conversation without id or state");
  const link = objectsOf(json, "links").find((entry) => entry["type"] === "OPEN_PUBLIC_LINK");
  return {
    id,
    state,
    topic: stringOf(json, "topic") ?? "",
    scheduled: numberOf(json, "scheduledTimestamp"),
    publicLink: link === undefined ? null : webAddress(stringOf(link, "url")),
  };
}

/** It becomes a link in a page and in an invitation: nothing but http and https. */
function webAddress(url: string | null): string | null {
  return url !== null && URL.canParse(url) && /^https?:$/u.test(new URL(url).protocol) ? url : null;
}
