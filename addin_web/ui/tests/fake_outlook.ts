/** A compose form of Outlook that keeps its state: what was written can be read back, as far as real clients do so. */

interface FakeError {
  readonly name: string;
  readonly code: number;
}

type Done = (result: { status: string; value?: unknown; error?: FakeError }) => void;

export class FakeOutlook {
  subject = "Pension review";
  start = new Date("2026-12-01T09:00:00Z");
  bodyType: "html" | "text" = "html";
  body = "<p>Dear client</p>";
  location = "";
  savedId: string | null = null;
  recurrence: object | null = null;
  seriesId: string | null = null;
  owner: string | null = null;
  mailboxSet = 16;
  /** How many saves of custom properties fail before one works. */
  failingSaves = 0;
  bodyIsReadOnly = false;
  properties: Record<string, unknown> = {};
  session: Record<string, string> = {};
  readonly moved: (() => void)[] = [];

  readonly supports = (version: string): boolean => Number(version.split(".")[1]) <= this.mailboxSet;

  /** Outlook on the web reads ids back with a prefix. */
  reopen(): void {
    this.body = this.body.replaceAll(' id="', ' id="x_');
    this.session = {};
  }

  get item(): Office.AppointmentCompose {
    const item = {
      subject: { getAsync: (done: Done) => { answer(done, this.subject); } },
      start: { getAsync: (done: Done) => { answer(done, this.start); } },
      recurrence: { getAsync: (done: Done) => { answer(done, this.recurrence); } },
      seriesId: this.seriesId,
      body: this.bodyApi(),
      location: {
        getAsync: (done: Done) => { answer(done, this.location); },
        setAsync: (text: string, done: Done) => { this.location = text; answer(done); },
      },
      enhancedLocation: {
        addAsync: (added: { id: string }[], done: Done) => {
          this.location = [this.location, ...added.map(({ id }) => id)].join("; ");
          answer(done);
        },
      },
      getItemIdAsync: (done: Done) => {
        if (this.savedId === null) refuse(done, "ItemNotSaved", 9030);
        else answer(done, this.savedId);
      },
      getSharedPropertiesAsync: (done: Done) => {
        if (this.owner === null) refuse(done, "OperationNotSupported", 5000);
        else answer(done, { owner: this.owner });
      },
      loadCustomPropertiesAsync: (done: Done) => { answer(done, this.customProperties()); },
      sessionData: {
        getAsync: (key: string, done: Done) => {
          const value = this.session[key];
          if (value === undefined) refuse(done, "KeyNotFound", 9043);
          else answer(done, value);
        },
        setAsync: (key: string, value: string, done: Done) => { this.session[key] = value; answer(done); },
      },
      addHandlerAsync: (_type: unknown, handler: () => void, done: Done) => { this.moved.push(handler); answer(done); },
    };
    return item as unknown as Office.AppointmentCompose;
  }

  private bodyApi() {
    const write = (change: (content: string) => string) =>
      (content: string, { coercionType }: { coercionType: string }, done: Done) => {
        if (this.bodyIsReadOnly) { refuse(done, "InternalError", 5001); return; }
        if (coercionType === "html" && this.bodyType === "text") { refuse(done, "InvalidFormatError", 9002); return; }
        this.body = change(content);
        answer(done);
      };
    return {
      getTypeAsync: (done: Done) => { answer(done, this.bodyType); },
      getAsync: (_type: string, done: Done) => { answer(done, this.body); },
      prependAsync: write((content) => content + this.body),
      setAsync: write((content) => content),
    };
  }

  private customProperties() {
    const draft = { ...this.properties };
    return {
      get: (name: string) => draft[name],
      set: (name: string, value: unknown) => { draft[name] = value; },
      saveAsync: (done: Done) => {
        if (this.failingSaves > 0) {
          this.failingSaves -= 1;
          refuse(done, "ErrorInvalidIdMalformedException", 9021);
          return;
        }
        this.properties = { ...draft };
        answer(done);
      },
    };
  }
}

function answer(done: Done, value?: unknown): void {
  queueMicrotask(() => { done({ status: "succeeded", value }); });
}

function refuse(done: Done, name: string, code: number): void {
  queueMicrotask(() => { done({ status: "failed", error: { name, code } }); });
}

// The enums that the pane reads at run time.
Object.assign(globalThis, {
  Office: {
    MailboxEnums: { LocationType: { Custom: "custom", Room: "room" } },
    EventType: { AppointmentTimeChanged: "olkAppointmentTimeChanged" },
  },
});
