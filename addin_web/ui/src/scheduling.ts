/**
 * The pane's use cases over one event: open, schedule, schedule again, put the link back, update.
 *
 * Each reads the world anew and may be repeated at any point: the UUID is stored first, the conversation is looked for
 * before it is made, the block before it is written. Only one runs at a time; a second click joins the first.
 */

import { type Block, type BodyType, findBlock, type Invitation, leadsTo, relink, renderInvitation } from "./body";
import { type Drift, driftOf, isOpen, newConversation, relevant, type Sync } from "./conversation";
import type { Credentials, Session } from "./credentials";
import type { EventKind, OutlookEvent } from "./event";
import { type Link, type LinkStore, sourceId } from "./link";
import type { Log } from "./log";
import type { Mailbox } from "./mailbox";
import { asProblem, Problem } from "./problem";
import type { Conversation, Unblu } from "./unblu";

export type Step = "reading" | "signIn" | "remembering" | "creating" | "inserting" | "syncing" | "updating";
export type Warning = "insertFailed" | "linkNotStored" | "syncUnknown";

/** What the pane says about the event itself. */
export interface Notes {
  readonly kind: EventKind;
  readonly shared: boolean;
}

export type Outcome =
  | { readonly kind: "ready" | "signIn"; readonly notes: Notes }
  | { readonly kind: "lost"; readonly reason: "deleted" | "ended"; readonly notes: Notes }
  | {
      readonly kind: "scheduled";
      readonly topic: string;
      readonly scheduled: number | null;
      readonly url: string;
      readonly sync: Sync;
      readonly linkMissing: boolean;
      readonly drift: Drift | null;
      readonly warnings: readonly Warning[];
      readonly notes: Notes;
    };

export type Scheduled = Extract<Outcome, { kind: "scheduled" }>;

export interface Settings {
  readonly addinId: string;
  readonly conversationTemplateId: string | null;
  readonly locale: string;
  readonly fallbackTopic: string;
  readonly invitation: Invitation;
}

interface Body {
  readonly type: BodyType;
  readonly coercion: Office.CoercionType;
  readonly content: string;
  readonly block: Block | null;
}

export class Scheduling {
  #running: Promise<Outcome> | null = null;

  constructor(
    private readonly settings: Settings,
    private readonly event: OutlookEvent,
    private readonly links: LinkStore,
    private readonly credentials: Credentials,
    private readonly unblu: Unblu,
    private readonly mailbox: Mailbox,
    private readonly log: Log,
    private readonly report: (step: Step) => void,
  ) {}

  /** Look at the event. Asks the agent to sign in only if `interactive`. */
  async open(interactive = false): Promise<Outcome> {
    return this.single(async () => {
      this.report("reading");
      const [notes, body] = await Promise.all([this.notes(), this.body()]);
      const link = await this.links.find(body.block?.uuid ?? null);
      if (link === null) return { kind: "ready", notes };
      const session = await this.session(interactive);
      if (session === null) return { kind: "signIn", notes };
      const conversation = await this.find(session, link);
      if (conversation !== null) return this.describe(conversation, link, notes, []);
      // A link is stored before its conversation exists: only the invitation proves that there was one.
      return body.block === null ? { kind: "ready", notes } : { kind: "lost", reason: "deleted", notes };
    });
  }

  async schedule(): Promise<Outcome> {
    return this.single(async () => {
      const notes = await this.notes();
      const session = await this.session(true);
      this.report("remembering");
      const body = await this.body();
      return this.complete(session, await this.links.establish(body.block?.uuid ?? null), body, notes);
    });
  }

  /** After the former conversation was deleted or has ended: a new one, in the former invitation's place. */
  async scheduleAgain(): Promise<Outcome> {
    return this.single(async () => {
      const notes = await this.notes();
      const session = await this.session(true);
      this.report("remembering");
      const body = await this.body();
      return this.complete(session, await this.links.replace(), body, notes);
    });
  }

  async restoreLink(): Promise<Outcome> {
    return this.schedule();
  }

  /** Carry the event's topic and time over to Unblu. */
  async update(): Promise<Outcome> {
    return this.single(async () => {
      const [notes, body] = await Promise.all([this.notes(), this.body()]);
      const session = await this.session(true);
      const link = await this.links.establish(body.block?.uuid ?? null);
      const conversation = await this.find(session, link);
      if (conversation === null) return { kind: "lost", reason: "deleted", notes };
      const drift = driftOf(await this.event.snapshot(), conversation, { kind: "off" });
      this.report("updating");
      if (drift?.topic != null) await this.unblu.setTopic(conversation.id, drift.topic);
      if (drift?.scheduled != null) await this.unblu.setScheduled(conversation.id, drift.scheduled);
      return this.describe((await this.find(session, link)) ?? conversation, link, notes, []);
    });
  }

  /** The same outcome once the server watches the calendar; null as long as it does not. */
  async connected(outcome: Scheduled): Promise<Scheduled | null> {
    const sync = await this.mailbox.state().catch(() => outcome.sync);
    return sync.kind === "on" && sync.ready ? { ...outcome, sync, drift: null } : null;
  }

  private async complete(session: Session, link: Link, body: Body, notes: Notes): Promise<Outcome> {
    this.report("creating");
    const conversation = await this.findOrCreate(session, link);
    if (!isOpen(conversation)) return { kind: "lost", reason: "ended", notes };
    const url = publicLinkOf(conversation);
    this.report("inserting");
    const inserted = await this.insert(body, link.uuid, url);
    // The first save may have failed only because the event was new; by now it may be known to the client.
    const stored = link.stored ? link : await this.links.store(link.uuid);
    return this.describe(conversation, stored, notes, inserted ? [] : ["insertFailed"]);
  }

  private async findOrCreate(session: Session, link: Link): Promise<Conversation> {
    const found = await this.find(session, link);
    if (found !== null) return found;
    const { addinId, fallbackTopic, locale, conversationTemplateId } = this.settings;
    const key = sourceId(addinId, session.identity, link.uuid);
    const wanted = newConversation(key, await this.event.snapshot(), fallbackTopic, locale, conversationTemplateId);
    try {
      return await this.unblu.create(wanted);
    } catch (error) {
      // A conflict, or an answer lost on its way: the conversation may be there all the same.
      this.log.warn("create failed, looking again", { detail: asProblem(error).detail });
      const made = await this.find(session, link).catch(() => null);
      if (made === null) throw error;
      return made;
    }
  }

  private async find(session: Session, link: Link): Promise<Conversation | null> {
    const key = sourceId(this.settings.addinId, session.identity, link.uuid);
    return relevant(await this.unblu.findBySourceId(key));
  }

  /** False if Outlook refused: the conversation exists all the same, and the pane shows its link. */
  private async insert(body: Body, uuid: string, url: string): Promise<boolean> {
    try {
      await this.writeBody(body, uuid, url);
    } catch (error) {
      this.log.warn("invitation not inserted", { detail: asProblem(error).detail });
      return false;
    }
    await this.event.addLocation(url, body.block?.url ?? null).catch((error: unknown) => {
      this.log.warn("location not set", { detail: asProblem(error).detail });
    });
    return true;
  }

  private async writeBody(body: Body, uuid: string, url: string): Promise<void> {
    if (leadsTo(body.type, body.content, uuid, url)) return;
    if (body.block?.url != null) {
      await this.event.replaceBody(relink(body.type, body.content, body.block, uuid, url), body.coercion);
    } else {
      await this.event.prependBody(renderInvitation(body.type, uuid, url, this.settings.invitation), body.coercion);
    }
  }

  private async describe(
    conversation: Conversation,
    link: Link,
    notes: Notes,
    warnings: readonly Warning[],
  ): Promise<Outcome> {
    if (!isOpen(conversation)) return { kind: "lost", reason: "ended", notes };
    const url = publicLinkOf(conversation);
    this.report("syncing");
    const sync = await this.sync(notes);
    const [snapshot, body] = await Promise.all([this.event.snapshot(), this.body()]);
    return {
      kind: "scheduled",
      topic: conversation.topic,
      scheduled: conversation.scheduled,
      url,
      sync,
      linkMissing: !leadsTo(body.type, body.content, link.uuid, url),
      drift: driftOf(snapshot, conversation, sync),
      warnings: [
        ...warnings,
        ...(link.stored || notes.shared ? [] : (["linkNotStored"] as const)),
        ...(sync.kind === "unknown" ? (["syncUnknown"] as const) : []),
      ],
      notes,
    };
  }

  /** The server's state is worth a warning, never a failure: the conversation is there. */
  private async sync(notes: Notes): Promise<Sync> {
    if (notes.shared) return { kind: "shared" };
    try {
      return await this.mailbox.watch();
    } catch (error) {
      this.log.warn("mailbox not watched", { detail: asProblem(error).detail });
      return { kind: "unknown" };
    }
  }

  private async session(interactive: true): Promise<Session>;
  private async session(interactive: boolean): Promise<Session | null>;
  private async session(interactive: boolean): Promise<Session | null> {
    if (interactive) this.report("signIn");
    return interactive ? this.credentials.obtain() : this.credentials.current();
  }

  private async notes(): Promise<Notes> {
    const [{ kind }, shared] = await Promise.all([this.event.snapshot(), this.event.isShared()]);
    return { kind, shared };
  }

  private async body(): Promise<Body> {
    const coercion = await this.event.bodyType();
    const type = (coercion as string) === "html" ? "html" : "text";
    const content = await this.event.readBody(coercion);
    return { type, coercion, content, block: findBlock(type, content) };
  }

  private async single(task: () => Promise<Outcome>): Promise<Outcome> {
    this.#running ??= task().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }
}

function publicLinkOf(conversation: Conversation): string {
  if (conversation.publicLink !== null) return conversation.publicLink;
  throw new Problem("publicLinkMissing", "unblu links without OPEN_PUBLIC_LINK");
}
