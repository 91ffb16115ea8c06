/** One agent, one event, one Unblu: what the tests of the use cases start from. */

import { Credentials, type Session, type SignIn } from "../src/credentials";
import { OutlookEvent } from "../src/event";
import { LinkStore } from "../src/link";
import type { Log } from "../src/log";
import { Mailbox } from "../src/mailbox";
import { type Outcome, Scheduling, type Step } from "../src/scheduling";
import { Unblu } from "../src/unblu";
import { FakeOutlook } from "./fake_outlook";
import { FakeServer, GATEWAY, PANE } from "./fake_server";

export const ADDIN = "6f0a1f52-55b1-4c1f-9d6f-2a3f0e6b7c11";
export const NOW = Date.parse("2026-11-22T10:00:00Z");
const IDENTITY = { tenantId: "11111111-1111-4111-8111-111111111111", objectId: "22222222-2222-4222-8222-222222222222" };

export const KEY = `outlook:${ADDIN}:${IDENTITY.tenantId}:${IDENTITY.objectId}:`;

export class FakeSignIn implements SignIn {
  readonly method = "nested";
  asked = 0;
  private issued = 0;

  constructor(readonly remembersAgent: boolean) {}

  async silent(): Promise<Session | null> {
    return Promise.resolve(this.remembersAgent ? this.session() : null);
  }

  async interactive(): Promise<Session> {
    this.asked += 1;
    return Promise.resolve(this.session());
  }

  private session(): Session {
    this.issued += 1;
    return { accessToken: `token-${this.issued}`, identity: IDENTITY, expires: NOW + 3_600_000 };
  }
}

export class Setting {
  readonly outlook = new FakeOutlook();
  readonly server = new FakeServer();
  readonly signIn: FakeSignIn;
  readonly steps: Step[] = [];
  readonly logged: unknown[] = [];
  invitationText: string | null = null;
  pane: Scheduling;

  constructor({ remembersAgent = true } = {}) {
    this.signIn = new FakeSignIn(remembersAgent);
    globalThis.fetch = this.server.fetch as typeof fetch;
    this.pane = this.openPane();
  }

  /** The agent closes the pane and opens it again: everything that was in memory is gone. */
  reopenPane(): Scheduling {
    this.pane = this.openPane();
    return this.pane;
  }

  private openPane(): Scheduling {
    const log: Log = {
      debug: (...entry) => { this.logged.push(entry); },
      warn: (...entry) => { this.logged.push(entry); },
    };
    const event = new OutlookEvent(this.outlook.item, "anna@bank.test", this.outlook.supports);
    const credentials = new Credentials(this.signIn, () => NOW);
    const settings = {
      addinId: ADDIN,
      conversationTemplateId: null,
      locale: "de-CH",
      fallbackTopic: "Unblu-Gespräch",
      invitation: { title: "Unblu-Gespräch", join: "Am Gespräch teilnehmen", text: this.invitationText },
    };
    return new Scheduling(
      settings,
      event,
      new LinkStore(event, ADDIN, log, async () => Promise.resolve()),
      credentials,
      new Unblu(GATEWAY, credentials),
      new Mailbox(PANE, credentials),
      log,
      (step) => this.steps.push(step),
    );
  }
}

export function scheduled(outcome: Outcome): Extract<Outcome, { kind: "scheduled" }> {
  if (outcome.kind === "scheduled") return outcome;
  throw new Error(`expected a scheduled conversation, not ${outcome.kind}`);
}
