/** What to do with a conversation: pure rules, nothing here talks to anybody. */

import type { Snapshot } from "./event";
import type { SyncState } from "./mailbox";
import type { Conversation, NewConversation } from "./unblu";

/** Where the event differs from Unblu; null where it does not. */
export interface Drift {
  readonly topic: string | null;
  readonly scheduled: number | null;
}

export type Sync = SyncState | { readonly kind: "unknown" } | { readonly kind: "shared" };

/** Ended conversations stay in Unblu; their source id may be used again, their link leads nowhere. */
export function isOpen(conversation: Conversation): boolean {
  return conversation.state !== "ENDED" && conversation.state !== "OFFBOARDING";
}

/** Of several with one source id the open one counts. */
export function relevant(found: readonly Conversation[]): Conversation | null {
  return found.find(isOpen) ?? found[0] ?? null;
}

export function newConversation(
  sourceId: string,
  event: Snapshot,
  fallbackTopic: string,
  locale: string,
  templateId: string | null,
): NewConversation {
  return { sourceId, topic: event.subject || fallbackTopic, scheduled: event.start, locale, templateId };
}

/**
 * What the agent may want to carry over to Unblu by hand.
 *
 * Nothing while the server does it, nor once the conversation has begun. An event without a subject keeps the
 * conversation's topic. A series has its next occurrence's time in Unblu, which this form does not know; and an
 * occurrence may share the conversation of its series, which must not follow it.
 */
export function driftOf(event: Snapshot, conversation: Conversation, sync: Sync): Drift | null {
  if (sync.kind === "on" && sync.ready) return null;
  if (conversation.state !== "CREATED" || event.kind === "occurrence") return null;
  const topic = event.subject !== "" && event.subject !== conversation.topic ? event.subject : null;
  const moved = event.kind === "single" && event.start !== conversation.scheduled;
  const drift = { topic, scheduled: moved ? event.start : null };
  return drift.topic === null && drift.scheduled === null ? null : drift;
}
