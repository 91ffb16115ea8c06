/** The calendar event that is open in Outlook, in the few terms that this add-in needs. */

import { call, HostError } from "./host";

export type EventKind = "single" | "series" | "occurrence";

export interface Snapshot {
  readonly subject: string;
  /** Start in milliseconds, rounded to the minute as Unblu stores it. */
  readonly start: number;
  readonly kind: EventKind;
}

/** Mailbox requirement sets (learn.microsoft.com, "Outlook JavaScript API requirement sets"). */
const SET = { recurrence: "1.7", sharing: "1.8", locations: "1.8", itemId: "1.8", session: "1.11" } as const;

const LOCATION_LIMIT = 255;
const SESSION_KEY = "outlook-addin-unblu.uuid";

export class OutlookEvent {
  constructor(
    private readonly item: Office.AppointmentCompose,
    private readonly ownAddress: string,
    private readonly supports: (version: string) => boolean,
  ) {}

  async snapshot(): Promise<Snapshot> {
    const [subject, start, kind] = await Promise.all([
      call<string>("subject", (done) => { this.item.subject.getAsync(done); }),
      call<Date>("start", (done) => { this.item.start.getAsync(done); }),
      this.kind(),
    ]);
    return { subject: subject.trim(), start: Math.round(start.getTime() / 60_000) * 60_000, kind };
  }

  private async kind(): Promise<EventKind> {
    if (!this.supports(SET.recurrence)) return "single";
    // The types call this a string; it is null unless an occurrence of a series is open.
    if (((this.item.seriesId as string | null | undefined) ?? "") !== "") return "occurrence";
    const recurrence = await call<unknown>("recurrence", (done) => { this.item.recurrence.getAsync(done); });
    return (recurrence ?? null) === null ? "single" : "series";
  }

  /** The id of a saved event; null for one that was never saved, and where the client does not tell. */
  async savedId(): Promise<string | null> {
    if (!this.supports(SET.itemId)) return null;
    return call<string>("itemId", (done) => { this.item.getItemIdAsync(done); }).catch(onHostError(null));
  }

  /** Whether the event stands in somebody else's calendar. Own calendars answer with an error or not at all. */
  async isShared(): Promise<boolean> {
    if (!this.supports(SET.sharing) || typeof this.item.getSharedPropertiesAsync !== "function") return false;
    const shared = await call<Office.SharedProperties | null>("shared", (done) => {
      this.item.getSharedPropertiesAsync(done);
    }).catch(onHostError(null));
    return shared !== null && shared.owner.toLowerCase() !== this.ownAddress.toLowerCase();
  }

  async bodyType(): Promise<Office.CoercionType> {
    return call("body.type", (done) => { this.item.body.getTypeAsync(done); });
  }

  async readBody(type: Office.CoercionType): Promise<string> {
    return call("body.get", (done) => { this.item.body.getAsync(type, done); });
  }

  async prependBody(content: string, coercionType: Office.CoercionType): Promise<void> {
    return call("body.prepend", (done) => { this.item.body.prependAsync(content, { coercionType }, done); });
  }

  async replaceBody(content: string, coercionType: Office.CoercionType): Promise<void> {
    return call("body.set", (done) => { this.item.body.setAsync(content, { coercionType }, done); });
  }

  /**
   * Put a link into the location, beside what is there; `former` is taken out of it.
   *
   * Left alone when it would not fit. Rooms keep being rooms: where the client can, the link is added as one more
   * location instead of writing the whole line again.
   */
  async addLocation(url: string, former: string | null): Promise<void> {
    const line = await call<string>("location.get", (done) => { this.item.location.getAsync(done); });
    if (line.includes(url)) return;
    if (former !== null && line.includes(former)) {
      await this.setLocation(line.replace(former, url));
    } else if (line.trim() === "") {
      await this.setLocation(url);
    } else if (`${line}; ${url}`.length > LOCATION_LIMIT) {
      return;
    } else if (this.supports(SET.locations)) {
      const type = Office.MailboxEnums.LocationType.Custom;
      await call("location.add", (done) => { this.item.enhancedLocation.addAsync([{ id: url, type }], done); });
    } else {
      await this.setLocation(`${line}; ${url}`);
    }
  }

  private async setLocation(line: string): Promise<void> {
    if (line.length > LOCATION_LIMIT) return;
    await call("location.set", (done) => { this.item.location.setAsync(line, done); });
  }

  async customProperties(): Promise<Office.CustomProperties> {
    return call("properties.load", (done) => { this.item.loadCustomPropertiesAsync(done); });
  }

  /** What this compose window remembers; null where it remembers nothing or cannot. */
  async recall(): Promise<string | null> {
    if (!this.supports(SET.session)) return null;
    return call<string>("session.get", (done) => {
      this.item.sessionData.getAsync(SESSION_KEY, done);
    }).catch(onHostError(null));
  }

  async remember(uuid: string): Promise<void> {
    if (!this.supports(SET.session)) return;
    await call("session.set", (done) => {
      this.item.sessionData.setAsync(SESSION_KEY, uuid, done);
    }).catch(onHostError(undefined));
  }

  /** Call `handler` whenever the agent moves the event while this pane is open. */
  async onMoved(handler: () => void): Promise<void> {
    if (!this.supports(SET.recurrence)) return;
    await call("moved", (done) => {
      this.item.addHandlerAsync(Office.EventType.AppointmentTimeChanged, handler, done);
    }).catch(onHostError(undefined));
  }
}

function onHostError<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof HostError) return value;
    throw error;
  };
}
