/**
 * The pane on the screen: a picture of one `Screen`, drawn anew whenever it changes.
 *
 * The polite live region stands outside of what is redrawn, and the heading takes the focus when the element that had
 * it is gone, so that keyboard and screen reader users stay where they were.
 */

import { button, h } from "./dom";
import type { Problem } from "./problem";
import type { Notes, Outcome, Scheduled, Step, Warning } from "./scheduling";
import { fill, type TextKey, type Texts } from "./texts";

export type Screen =
  | { readonly kind: "loading" | "outside" | "attendee" }
  | { readonly kind: "working"; readonly step: Step }
  | { readonly kind: "failed"; readonly problem: Problem; readonly reference: string; readonly time: string }
  | Outcome;

export interface Actions {
  readonly schedule: () => void;
  readonly scheduleAgain: () => void;
  readonly signIn: () => void;
  readonly restoreLink: () => void;
  readonly update: () => void;
  readonly retry: () => void;
}

export class View {
  constructor(
    private readonly main: HTMLElement,
    private readonly status: HTMLElement,
    private readonly texts: Texts,
    private readonly formatTime: (milliseconds: number) => string,
    private readonly actions: Actions,
  ) {}

  show(screen: Screen): void {
    const hadFocus = this.main.contains(document.activeElement);
    const heading = h("h1", { tabindex: "-1" }, this.heading(screen));
    this.main.replaceChildren(heading, ...this.content(screen));
    this.main.dataset["screen"] = screen.kind;
    this.main.setAttribute("aria-busy", String(screen.kind === "working" || screen.kind === "loading"));
    this.announce(this.announcement(screen));
    if (hadFocus) heading.focus();
  }

  private announce(text: string): void {
    // Setting the same text again would be read out again.
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  private announcement(screen: Screen): string {
    if (screen.kind === "failed") return `${this.texts.failedHeading}. ${this.problemText(screen.problem)}`;
    return this.heading(screen);
  }

  private heading(screen: Screen): string {
    const key: TextKey = screen.kind === "lost" ? HEADINGS[screen.reason]
      : screen.kind === "working" ? STEPS[screen.step]
      : HEADINGS[screen.kind];
    return this.texts[key];
  }

  private content(screen: Screen): readonly Node[] {
    const { texts, actions } = this;
    switch (screen.kind) {
      case "loading":
      case "working":
        return [h("div", { class: "progress", "aria-hidden": "true" }, h("div", { class: "progress-bar" }))];
      case "outside":
        return [paragraph(texts.outsideText)];
      case "attendee":
        return [paragraph(texts.attendeeText)];
      case "ready":
        return [paragraph(texts.readyText), ...this.notes(screen.notes), button(texts.schedule, "primary", actions.schedule)];
      case "signIn":
        return [paragraph(texts.signInText), ...this.notes(screen.notes), button(texts.signIn, "primary", actions.signIn)];
      case "lost":
        return [
          paragraph(screen.reason === "deleted" ? texts.deletedText : texts.endedText),
          ...this.notes(screen.notes),
          button(texts.scheduleAgain, "primary", actions.scheduleAgain),
        ];
      case "failed":
        return this.failed(screen);
      case "scheduled":
        return this.scheduled(screen);
    }
  }

  private scheduled(screen: Scheduled): readonly Node[] {
    const { texts } = this;
    const time = screen.scheduled === null ? texts.timeUnknown : this.formatTime(screen.scheduled);
    const facts = h("dl", { class: "card" },
      h("dt", {}, texts.topic), h("dd", { class: "topic" }, screen.topic),
      h("dt", {}, texts.time), h("dd", {}, time),
      h("dt", {}, texts.link), h("dd", {}, this.link(screen.url)),
      h("dt", {}, texts.syncHeading), this.sync(screen));
    return [
      ...screen.warnings.filter((warning) => warning !== "syncUnknown").map((warning) => notice("warning", texts[warning])),
      ...this.repair(screen.linkMissing, screen.warnings),
      ...this.drift(screen),
      facts,
      ...this.notes(screen.notes),
      paragraph(texts.saveHint, "hint"),
    ];
  }

  private link(url: string): HTMLElement {
    const { texts } = this;
    const address = h("span", { class: "address" }, url);
    const copy = button(texts.copy, "secondary", () => {
      navigator.clipboard.writeText(url).then(
        () => { this.announce(texts.copied); copy.textContent = texts.copied; },
        () => { this.announce(texts.copyFailed); getSelection()?.selectAllChildren(address); },
      );
    });
    copy.setAttribute("aria-label", texts.copyLink);
    const attributes = { href: url, target: "_blank", rel: "noopener noreferrer", "aria-label": texts.openLink };
    return h("div", { class: "link" }, address, h("div", { class: "row" }, copy, h("a", { class: "button", ...attributes }, texts.open)));
  }

  private sync({ sync }: Scheduled): HTMLElement {
    const on = sync.kind === "on" && sync.ready;
    const key: TextKey = on ? "syncOn" : sync.kind === "on" ? "syncPending" : SYNC[sync.kind];
    return h("dd", { class: on ? "sync on" : "sync" }, this.texts[key]);
  }

  private repair(linkMissing: boolean, warnings: readonly Warning[]): readonly Node[] {
    const { texts, actions } = this;
    if (linkMissing) {
      const text = warnings.includes("insertFailed") ? null : notice("warning", texts.linkMissing);
      const repair = button(texts.restoreLink, "primary", actions.restoreLink);
      return text === null ? [repair] : [text, repair];
    }
    return warnings.includes("linkNotStored") ? [button(texts.repairLink, "secondary", actions.restoreLink)] : [];
  }

  private drift({ drift, linkMissing }: Scheduled): readonly Node[] {
    if (drift === null) return [];
    const { texts } = this;
    return [
      h("section", { class: "notice", "aria-labelledby": "drift" },
        h("h2", { id: "drift" }, texts.driftHeading),
        drift.topic === null ? null : paragraph(fill(texts.driftTopic, drift.topic)),
        drift.scheduled === null ? null : paragraph(fill(texts.driftTime, this.formatTime(drift.scheduled)))),
      button(texts.update, linkMissing ? "secondary" : "primary", this.actions.update),
    ];
  }

  private notes({ kind, shared }: Notes): readonly Node[] {
    const { texts } = this;
    return [
      ...(shared ? [notice("info", texts.sharedNote)] : []),
      ...(kind === "series" ? [notice("info", texts.seriesNote)] : []),
      ...(kind === "occurrence" ? [notice("info", texts.occurrenceNote)] : []),
    ];
  }

  private failed({ problem, reference, time }: Extract<Screen, { kind: "failed" }>): readonly Node[] {
    const { texts } = this;
    return [
      notice("error", this.problemText(problem)),
      button(texts.retry, "primary", this.actions.retry),
      h("details", {},
        h("summary", {}, texts.details),
        h("dl", {},
          h("dt", {}, texts.detailCode), h("dd", {}, `${problem.code} (${problem.detail})`),
          h("dt", {}, texts.detailReference), h("dd", {}, reference),
          h("dt", {}, texts.detailTime), h("dd", {}, time))),
    ];
  }

  private problemText(problem: Problem): string {
    return this.texts[`problem_${problem.code}`];
  }
}

const HEADINGS: Readonly<Record<Exclude<Screen["kind"], "lost" | "working"> | "deleted" | "ended", TextKey>> = {
  loading: "loading",
  outside: "outsideHeading",
  attendee: "attendeeHeading",
  ready: "readyHeading",
  signIn: "signInHeading",
  deleted: "deletedHeading",
  ended: "endedHeading",
  scheduled: "scheduledHeading",
  failed: "failedHeading",
};

const STEPS: Readonly<Record<Step, TextKey>> = {
  reading: "stepReading",
  signIn: "stepSignIn",
  remembering: "stepRemembering",
  creating: "stepCreating",
  inserting: "stepInserting",
  syncing: "stepSyncing",
  updating: "stepUpdating",
};

const SYNC = { off: "syncOff", unknown: "syncUnknown", shared: "syncShared" } as const;

function paragraph(text: string, style = ""): HTMLElement {
  return h("p", style === "" ? {} : { class: style }, text);
}

function notice(style: "info" | "warning" | "error", text: string): HTMLElement {
  return h("p", { class: `notice ${style}` }, text);
}
