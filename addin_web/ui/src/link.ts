/**
 * The link between an event and its conversation: one UUID.
 *
 * Kept in the event's custom properties as `{v, uuid}`, where the add-in server reads it too. It is stored before the
 * first call to Unblu, so that a second click, a lost answer or another device meets the same conversation. Clients
 * lose custom properties now and then, hence three more places to look: the compose session, the marked block in the
 * body, and this pane's memory. Roaming settings are no such place: they belong to the mailbox and cannot tell two
 * unsaved events apart.
 */

import type { OutlookEvent } from "./event";
import { call, HostError } from "./host";
import type { Log } from "./log";
import { isUuid, randomUuid, uuid5 } from "./uuid";

export const LINK_VERSION = 1;

/** Pauses before the second and third try: new Outlook fails the first save of an unsaved event, then succeeds. */
const RETRY_PAUSES = [400, 1200];

export interface Link {
  readonly uuid: string;
  /** Whether it stands in the event's custom properties, where the server finds it. */
  readonly stored: boolean;
}

export interface Identity {
  readonly tenantId: string;
  readonly objectId: string;
}

/** The conversation's key in Unblu; what an event says is never trusted beyond the UUID. */
export function sourceId(addinId: string, identity: Identity, uuid: string): string {
  return ["outlook", addinId, identity.tenantId, identity.objectId, uuid].join(":").toLowerCase();
}

export class LinkStore {
  #memory: string | null = null;

  constructor(
    private readonly event: OutlookEvent,
    private readonly addinId: string,
    private readonly log: Log,
    private readonly pause: (milliseconds: number) => Promise<void>,
  ) {}

  /** The event's link, or null if it has none. `inBody` is the UUID of the marked block, if there is one. */
  async find(inBody: string | null): Promise<Link | null> {
    const stored = await this.read();
    if (stored !== null) return { uuid: stored, stored: true };
    const remembered = await this.event.recall();
    const uuid = [remembered, inBody, this.#memory].find(isUuid);
    return uuid === undefined ? null : { uuid, stored: false };
  }

  /** The event's link, made if need be, and stored. */
  async establish(inBody: string | null): Promise<Link> {
    const link = await this.find(inBody);
    if (link?.stored === true) return link;
    return this.store(link?.uuid ?? (await this.derive()));
  }

  /** A saved event has one UUID for ever and on every device, an unsaved one a random one. */
  private async derive(): Promise<string> {
    const id = await this.event.savedId();
    return id === null ? randomUuid() : uuid5(this.addinId, id);
  }

  async replace(): Promise<Link> {
    return this.store(randomUuid());
  }

  async store(uuid: string): Promise<Link> {
    this.#memory = uuid;
    await this.event.remember(uuid);
    for (const pause of [...RETRY_PAUSES, null]) {
      try {
        await this.write(uuid);
        return { uuid, stored: true };
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        this.log.warn("link not stored", { name: error.errorName, code: error.errorCode, last: pause === null });
        if (pause !== null) await this.pause(pause);
      }
    }
    return { uuid, stored: false };
  }

  private async read(): Promise<string | null> {
    try {
      const uuid: unknown = (await this.event.customProperties()).get("uuid");
      return isUuid(uuid) ? uuid : null;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.log.warn("link not read", { name: error.errorName, code: error.errorCode });
      return null;
    }
  }

  private async write(uuid: string): Promise<void> {
    const properties = await this.event.customProperties();
    // Typed as a string, stored as JSON: the server expects the number.
    properties.set("v", LINK_VERSION as unknown as string);
    properties.set("uuid", uuid);
    await call("properties.save", (done) => { properties.saveAsync(done); });
  }
}
