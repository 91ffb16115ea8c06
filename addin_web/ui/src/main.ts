/** taskpane.html: wires Outlook, Unblu and the screen together. */

import { type Config, loadConfig } from "./config";
import { Credentials, type SignIn } from "./credentials";
import { environmentPanel } from "./environment";
import { OutlookEvent } from "./event";
import { darkTheme, loadOffice, offersNestedSignIn, supportsMailbox, wallClock } from "./host";
import { LinkStore } from "./link";
import { createLog, type Log } from "./log";
import { Mailbox } from "./mailbox";
import { asProblem } from "./problem";
import { type Outcome, Scheduling } from "./scheduling";
import { dialogSignIn } from "./signin/dialog";
import { invitationText, textsFor } from "./texts";
import { Unblu } from "./unblu";
import { randomUuid } from "./uuid";
import { type Actions, type Screen, View } from "./view";

const IDLE: Actions = {
  schedule: () => undefined,
  scheduleAgain: () => undefined,
  signIn: () => undefined,
  restoreLink: () => undefined,
  update: () => undefined,
  retry: () => { location.reload(); },
};

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`#${id} is missing`);
  return element;
}

function createView(language: string, actions: Actions): View {
  const { locale, texts } = textsFor(language);
  document.documentElement.lang = locale;
  document.title = texts.title;
  byId("title").textContent = texts.title;
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short", timeZone: "UTC" });
  return new View(byId("main"), byId("status"), texts, (moment) => format.format(wallClock(new Date(moment))), actions);
}

function failure(error: unknown, log: Log): Screen {
  const problem = asProblem(error);
  const reference = randomUuid();
  log.warn("failed", { code: problem.code, detail: problem.detail, reference });
  return { kind: "failed", problem, reference, time: new Date().toISOString() };
}

function applyTheme(theme: Office.OfficeTheme | undefined): void {
  const dark = darkTheme(theme);
  if (dark !== null) document.documentElement.dataset["theme"] = dark ? "dark" : "light";
}

function watchTheme(): void {
  applyTheme(Office.context.officeTheme);
  if (!supportsMailbox("1.14")) return;
  Office.context.mailbox.addHandlerAsync(Office.EventType.OfficeThemeChanged, (change: { officeTheme: Office.OfficeTheme }) => {
    applyTheme(change.officeTheme);
  });
}

async function chooseSignIn(config: Config, log: Log): Promise<SignIn> {
  if (!offersNestedSignIn()) return dialogSignIn(new URL("dialog.html", location.href).href, () => Office.context.ui);
  const { nestedSignIn } = await import("./signin/nested");
  return nestedSignIn(config, new URL("auth.html", location.href).href, log);
}

/** A new calendar takes the server some seconds to connect: looked at this often, this many milliseconds apart. */
const LOOKS = 12;
const LOOK_INTERVAL = 5000;

/** One pane over one event: runs a use case, shows its steps and its outcome, and can repeat it. */
class Pane {
  #shown: Screen = { kind: "loading" };
  #last: () => Promise<Outcome> = async () => this.scheduling.open();
  readonly #view: View;

  constructor(
    private readonly scheduling: Scheduling,
    private readonly log: Log,
    language: string,
  ) {
    this.#view = createView(language, {
      schedule: () => { this.run(async () => scheduling.schedule()); },
      scheduleAgain: () => { this.run(async () => scheduling.scheduleAgain()); },
      signIn: () => { this.run(async () => scheduling.open(true)); },
      restoreLink: () => { this.run(async () => scheduling.restoreLink()); },
      update: () => { this.run(async () => scheduling.update()); },
      retry: () => { this.run(this.#last); },
    });
  }

  show(screen: Screen): void {
    this.#shown = screen;
    this.#view.show(screen);
  }

  open(): void {
    this.run(async () => this.scheduling.open());
  }

  run(task: () => Promise<Outcome>): void {
    this.#last = task;
    task().then(
      (outcome) => { this.show(outcome); this.follow(outcome, LOOKS); },
      (error: unknown) => { this.show(failure(error, this.log)); },
    );
  }

  refresh(): void {
    // Only a finished picture is worth redrawing; a running use case reads the event by itself.
    if (this.#shown.kind === "scheduled") this.open();
  }

  /** While the calendar is being connected, look again; the picture changes only once it is. */
  private follow(outcome: Outcome, looks: number): void {
    if (outcome.kind !== "scheduled" || outcome.sync.kind !== "on" || outcome.sync.ready || looks === 0) return;
    setTimeout(() => {
      if (this.#shown !== outcome) return;
      void this.scheduling.connected(outcome).then((connected) => {
        if (this.#shown !== outcome) return;
        if (connected === null) this.follow(outcome, looks - 1);
        else this.show(connected);
      });
    }, LOOK_INTERVAL);
  }
}

async function createPane(config: Config, item: Office.AppointmentCompose, log: Log): Promise<Pane> {
  const { displayLanguage, mailbox } = Office.context;
  const { locale, texts } = textsFor(displayLanguage);
  const event = new OutlookEvent(item, mailbox.userProfile.emailAddress, supportsMailbox);
  const pause = async (milliseconds: number) => new Promise<void>((resolve) => { setTimeout(resolve, milliseconds); });
  const credentials = new Credentials(await chooseSignIn(config, log), Date.now);
  const settings = {
    addinId: config.addinId,
    conversationTemplateId: config.conversationTemplateId,
    locale,
    fallbackTopic: texts.fallbackTopic,
    invitation: {
      title: texts.invitationTitle,
      join: texts.invitationJoin,
      text: invitationText(config.invitationTexts, displayLanguage),
    },
  };
  const pane: Pane = new Pane(
    new Scheduling(
      settings,
      event,
      new LinkStore(event, config.addinId, log, pause),
      credentials,
      new Unblu(config.unbluUrl, credentials),
      new Mailbox(location.href, credentials),
      log,
      (step) => { log.debug("step", { step }); pane.show({ kind: "working", step }); },
    ),
    log,
    displayLanguage,
  );
  await event.onMoved(() => { pane.refresh(); });
  return pane;
}

async function main(): Promise<void> {
  const view = createView(navigator.language, IDLE);
  view.show({ kind: "loading" });
  let log = createLog(false);
  try {
    const config = await loadConfig();
    log = createLog(config.debugMode);
    const host = await loadOffice(config.officeJsUrl);
    if (host !== Office.HostType.Outlook) { view.show({ kind: "outside" }); return; }
    watchTheme();
    const item = Office.context.mailbox.item as Office.AppointmentCompose | null | undefined;
    // Only a compose form of an appointment has a body that can be written.
    const composing = typeof (item?.subject as Office.Subject | string | undefined) === "object";
    if (item == null || !composing) { createView(Office.context.displayLanguage, IDLE).show({ kind: "attendee" }); return; }
    const pane = await createPane(config, item, log);
    if (config.showDebugPane) byId("debug").append(environmentPanel(config, textsFor(Office.context.displayLanguage).texts));
    pane.open();
  } catch (error) {
    view.show(failure(error, log));
  }
}

void main();
