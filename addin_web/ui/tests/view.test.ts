import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Window } from "happy-dom";
import { Problem } from "../src/problem";
import type { Outcome } from "../src/scheduling";
import { textsFor } from "../src/texts";
import { type Actions, type Screen, View } from "../src/view";

const NOTES = { kind: "single", shared: false } as const;
const SCHEDULED: Extract<Outcome, { kind: "scheduled" }> = {
  kind: "scheduled",
  topic: "<img src=x onerror=alert(1)>",
  scheduled: 0,
  url: "https://unblu.test/join?id=1",
  sync: { kind: "on", ready: true, reason: null },
  linkMissing: false,
  drift: null,
  warnings: [],
  notes: NOTES,
};

let main: HTMLElement;
let status: HTMLElement;
let pressed: string[];
let view: View;

beforeEach(() => {
  const window = new Window();
  const document = window.document as unknown as Document;
  Object.assign(globalThis, { document });
  document.body.innerHTML = '<main id="main"></main><p id="status" role="status"></p>';
  [main, status] = ["main", "status"].map((id) => document.getElementById(id) as unknown as HTMLElement) as [HTMLElement, HTMLElement];
  pressed = [];
  const names = ["schedule", "scheduleAgain", "signIn", "restoreLink", "update", "retry"] as const;
  const actions = Object.fromEntries(names.map((name) => [name, () => { pressed.push(name); }])) as unknown as Actions;
  view = new View(main, status, textsFor("en").texts, (moment) => new Date(moment).toISOString(), actions);
});

describe("every screen", () => {
  const screens: Record<string, Screen> = {
    loading: { kind: "loading" },
    outside: { kind: "outside" },
    attendee: { kind: "attendee" },
    working: { kind: "working", step: "creating" },
    ready: { kind: "ready", notes: NOTES },
    signIn: { kind: "signIn", notes: NOTES },
    lost: { kind: "lost", reason: "deleted", notes: NOTES },
    scheduled: SCHEDULED,
    failed: { kind: "failed", problem: new Problem("denied", "unblu.create 403"), reference: "r-1", time: "now" },
  };
  for (const [name, screen] of Object.entries(screens)) {
    test(`"${name}" has one heading, is announced, and has named controls only`, () => {
      view.show(screen);
      const headings = main.querySelectorAll("h1");
      assert.equal(headings.length, 1);
      assert.ok(status.textContent.startsWith(headings[0]?.textContent ?? "?"));
      for (const control of main.querySelectorAll("button, a")) {
        assert.notEqual((control.getAttribute("aria-label") ?? control.textContent).trim(), "");
      }
      assert.equal(main.querySelector("[style], script"), null);
    });
  }
});

describe("the pane", () => {
  test("starts each use case from its button", () => {
    const drift = { topic: "New", scheduled: 60_000 };
    const screens: Screen[] = [
      { kind: "ready", notes: NOTES },
      { kind: "signIn", notes: NOTES },
      { kind: "lost", reason: "ended", notes: NOTES },
      { ...SCHEDULED, linkMissing: true },
      { ...SCHEDULED, drift },
      { kind: "failed", problem: new Problem("server", "x"), reference: "r", time: "t" },
    ];
    for (const screen of screens) {
      view.show(screen);
      main.querySelector<HTMLButtonElement>(".primary")?.click();
    }
    assert.deepEqual(pressed, ["schedule", "signIn", "scheduleAgain", "restoreLink", "update", "retry"]);
  });

  test("shows a subject as text, whatever it holds", () => {
    view.show(SCHEDULED);
    assert.equal(main.querySelector("img"), null);
    assert.ok(main.textContent.includes(SCHEDULED.topic));
  });

  test("opens the public link without telling where from", () => {
    view.show(SCHEDULED);
    const link = main.querySelector("a");
    assert.deepEqual([link?.getAttribute("href"), link?.getAttribute("rel")], [SCHEDULED.url, "noopener noreferrer"]);
  });

  test("says in words how synchronisation stands", () => {
    const words = ([["on", true], ["on", false], ["off"], ["unknown"], ["shared"]] as const).map(([kind, ready = false]) => {
      view.show({ ...SCHEDULED, sync: kind === "on" ? { kind, ready, reason: null } : { kind } });
      return main.querySelector(".sync")?.textContent ?? "";
    });
    assert.equal(words[0], "Outlook changes follow automatically.");
    assert.match(words[2] ?? "", /^Sync is off/u);
    assert.equal(new Set(words).size, 5);
  });

  test("tells about series, occurrences and other people's calendars", () => {
    view.show({ kind: "ready", notes: { kind: "series", shared: true } });
    assert.match(main.textContent, /serves the whole series/u);
    assert.match(main.textContent, /belongs to you and is not synchronised/u);
    view.show({ kind: "ready", notes: { kind: "occurrence", shared: false } });
    assert.match(main.textContent, /one occurrence of a series/u);
  });

  test("keeps the keyboard's place when the pressed button goes away", () => {
    view.show({ kind: "ready", notes: NOTES });
    main.querySelector("button")?.focus();
    view.show({ kind: "working", step: "creating" });
    assert.equal(document.activeElement, main.querySelector("h1"));
  });

  test("does not take the focus from Outlook when nobody was in the pane", () => {
    view.show({ kind: "ready", notes: NOTES });
    assert.notEqual(document.activeElement, main.querySelector("h1"));
  });

  test("explains an error in words and keeps the code for those who ask", () => {
    const problem = new Problem("publicLinkMissing", "unblu links without OPEN_PUBLIC_LINK");
    view.show({ kind: "failed", problem, reference: "r-1", time: "2026-11-22T10:00:00Z" });
    assert.match(main.querySelector(".error")?.textContent ?? "", /allowPublicLinkAccess/u);
    const details = main.querySelector("details");
    assert.ok(details !== null && !details.open);
    for (const fact of ["publicLinkMissing", "r-1", "2026-11-22T10:00:00Z"]) assert.ok(details.textContent.includes(fact));
  });
});
