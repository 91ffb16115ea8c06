import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Problem } from "../src/problem";
import { uuid5 } from "../src/uuid";
import { ADDIN, KEY, scheduled, Setting } from "./setting";

describe("scheduling", () => {
  test("one click makes a conversation, puts its link into the event and connects the calendar", async () => {
    const setting = new Setting();
    const outcome = scheduled(await setting.pane.schedule());

    const [conversation, ...others] = setting.server.conversations;
    assert.deepEqual(others, []);
    const uuid = setting.outlook.properties["uuid"] as string;
    assert.deepEqual(setting.outlook.properties, { v: 1, uuid });
    assert.equal(conversation?.sourceId, KEY + uuid);
    assert.equal(conversation.topic, "Pension review");
    assert.equal(conversation.scheduledTimestamp, Date.parse("2026-12-01T09:00:00Z"));
    assert.equal(conversation["initialEngagementType"], "SCHEDULED_CONVERSATION");
    assert.equal(conversation["locale"], "de-CH");
    assert.ok(!("recipient" in conversation) && !("conversationTemplateId" in conversation));
    assert.match(setting.outlook.body, /<a href="https:\/\/unblu\.test\/join\?id=c1&amp;lang=en">.*<p>Dear client<\/p>/su);
    assert.equal(setting.outlook.location, "https://unblu.test/join?id=c1&lang=en");
    assert.equal(setting.server.watched.length, 1);
    assert.deepEqual(outcome.sync, { kind: "on", ready: true, reason: "Subscribed" });
    assert.deepEqual([outcome.linkMissing, outcome.drift, outcome.warnings], [false, null, []]);
  });

  test("the agent is the only participant and the assigned agent", async () => {
    const setting = new Setting();
    await setting.pane.schedule();
    assert.deepEqual(setting.server.conversations[0]?.["participants"], [
      { $_type: "ConversationCreationParticipantData", personId: "person-1", participationType: "ASSIGNED_AGENT" },
    ]);
  });

  test("a double click makes one conversation", async () => {
    const setting = new Setting();
    const [first, second] = await Promise.all([setting.pane.schedule(), setting.pane.schedule()]);
    assert.equal(first, second);
    assert.equal(setting.server.conversations.length, 1);
  });

  test("two panes over one saved event meet in one conversation", async () => {
    const setting = new Setting();
    setting.outlook.savedId = "AAMk-item";
    const [one, other] = [setting.pane, setting.reopenPane()];
    await Promise.all([one.schedule(), other.schedule()]);
    assert.equal(setting.server.conversations.length, 1);
    assert.equal(setting.server.conversations[0]?.sourceId, KEY + (await uuid5(ADDIN, "AAMk-item")));
  });

  test("a lost answer does not lead to a second conversation", async () => {
    const setting = new Setting();
    setting.server.losesCreateAnswers = true;
    const outcome = scheduled(await setting.pane.schedule());
    assert.equal(outcome.topic, "Pension review");
    assert.equal(setting.server.conversations.length, 1);
  });

  test("a conflict shows the conversation that is there", async () => {
    const setting = new Setting();
    await setting.pane.schedule();
    setting.server.staleSearches = 1;
    const outcome = scheduled(await setting.reopenPane().schedule());
    assert.equal(outcome.url, "https://unblu.test/join?id=c1&lang=en");
    assert.equal(setting.server.conversations.length, 1);
  });

  test("trying again after a failure keeps the link that was stored before the first call", async () => {
    const setting = new Setting();
    setting.server.createStatus = 500;
    await assert.rejects(setting.pane.schedule(), problem("server"));
    const uuid = setting.outlook.properties["uuid"];
    setting.server.createStatus = null;
    assert.equal((await setting.reopenPane().open()).kind, "ready");
    await setting.pane.schedule();
    assert.equal(setting.server.conversations[0]?.sourceId, KEY + String(uuid));
  });

  test("a first save that fails is tried again", async () => {
    const setting = new Setting();
    setting.outlook.failingSaves = 2;
    const outcome = scheduled(await setting.pane.schedule());
    assert.deepEqual(outcome.warnings, []);
    assert.equal(setting.server.conversations[0]?.sourceId, KEY + String(setting.outlook.properties["uuid"]));
  });

  test("an event that can never be marked gets its conversation, a warning, and keeps it on reopening", async () => {
    const setting = new Setting();
    setting.outlook.failingSaves = Infinity;
    assert.deepEqual(scheduled(await setting.pane.schedule()).warnings, ["linkNotStored"]);
    setting.outlook.reopen();
    assert.equal(scheduled(await setting.reopenPane().open()).url, "https://unblu.test/join?id=c1&lang=en");

    setting.outlook.failingSaves = 0;
    assert.deepEqual(scheduled(await setting.pane.restoreLink()).warnings, []);
    assert.equal(setting.server.conversations[0]?.sourceId, KEY + String(setting.outlook.properties["uuid"]));
  });

  test("an event without a subject gets a topic in the agent's language", async () => {
    const setting = new Setting();
    setting.outlook.subject = "  ";
    assert.equal(scheduled(await setting.pane.schedule()).topic, "Unblu-Gespräch");
  });

  test("the start is rounded to the minute", async () => {
    const setting = new Setting();
    setting.outlook.start = new Date("2026-12-01T09:00:29.900Z");
    const outcome = scheduled(await setting.pane.schedule());
    assert.equal(outcome.scheduled, Date.parse("2026-12-01T09:00:00Z"));
    assert.equal(outcome.drift, null);
  });

  test("a plain text body gets plain text", async () => {
    const setting = new Setting();
    Object.assign(setting.outlook, { bodyType: "text", body: "Dear client" });
    const outcome = scheduled(await setting.pane.schedule());
    assert.equal(outcome.linkMissing, false);
    assert.equal(
      setting.outlook.body,
      "[Unblu Conversation]\nAm Gespräch teilnehmen: https://unblu.test/join?id=c1&lang=en\n\nDear client",
    );
  });

  test("the bank's words surround the link, and stay when it leads to another conversation", async () => {
    const setting = new Setting();
    setting.invitationText = "Guten Tag\n\n{link}\n\nhttps://bank.test/legal";
    const block = (id: string) => `[Unblu Conversation]\nAm Gespräch teilnehmen: https://unblu.test/join?id=${id}&lang=en`;
    const body = (id: string) => `Guten Tag\n\n${block(id)}\n\nhttps://bank.test/legal\n\nDear client`;
    Object.assign(setting.outlook, { bodyType: "text", body: "Dear client" });
    assert.equal(scheduled(await setting.reopenPane().schedule()).linkMissing, false);
    assert.equal(setting.outlook.body, body("c1"));
    Object.assign(setting.server.conversations[0] ?? {}, { state: "ENDED" });
    assert.equal(scheduled(await setting.pane.scheduleAgain()).linkMissing, false);
    assert.equal(setting.outlook.body, body("c2"));
  });

  test("a body that cannot be written is a warning, and the link can be put in later", async () => {
    const setting = new Setting();
    setting.outlook.bodyIsReadOnly = true;
    const outcome = scheduled(await setting.pane.schedule());
    assert.deepEqual([outcome.linkMissing, outcome.warnings], [true, ["insertFailed"]]);
    setting.outlook.bodyIsReadOnly = false;
    assert.equal(scheduled(await setting.pane.restoreLink()).linkMissing, false);
    assert.equal(setting.server.conversations.length, 1);
  });

  test("a conversation without a public link names the setting that is missing", async () => {
    const setting = new Setting();
    setting.server.publicLinks = false;
    await assert.rejects(setting.pane.schedule(), problem("publicLinkMissing"));
  });

  test("a silent add-in server is a warning, not a failure", async () => {
    const setting = new Setting();
    setting.server.mailboxDown = true;
    const outcome = scheduled(await setting.pane.schedule());
    assert.deepEqual([outcome.sync, outcome.warnings], [{ kind: "unknown" }, ["syncUnknown"]]);
  });

  test("a refused token is renewed once", async () => {
    const setting = new Setting();
    setting.server.refusedTokens.add("token-1");
    assert.equal((await setting.pane.schedule()).kind, "scheduled");
    setting.server.refusedTokens.add("token-3").add("token-4");
    await assert.rejects(setting.reopenPane().schedule(), problem("unauthorized"));
  });

  test("no network says so and changes nothing in the event's body", async () => {
    const setting = new Setting();
    setting.server.offline = true;
    await assert.rejects(setting.pane.schedule(), problem("unreachable"));
    assert.equal(setting.outlook.body, "<p>Dear client</p>");
  });

  test("nothing personal is logged when everything goes wrong", async () => {
    const setting = new Setting();
    Object.assign(setting.outlook, { failingSaves: Infinity, bodyIsReadOnly: true });
    Object.assign(setting.server, { losesCreateAnswers: true, mailboxDown: true });
    await setting.pane.schedule();
    const log = JSON.stringify(setting.logged);
    assert.ok(setting.logged.length >= 4);
    for (const secret of ["token-", "Pension", "anna", "unblu.test/join", KEY]) assert.ok(!log.includes(secret), secret);
  });
});

describe("places in the event", () => {
  test("another location stays beside the link", async () => {
    const setting = new Setting();
    setting.outlook.location = "Room 4";
    await setting.pane.schedule();
    assert.equal(setting.outlook.location, "Room 4; https://unblu.test/join?id=c1&lang=en");
  });

  test("a location that would grow too long is left alone", async () => {
    const setting = new Setting();
    const location = "x".repeat(230);
    setting.outlook.location = location;
    assert.equal(scheduled(await setting.pane.schedule()).linkMissing, false);
    assert.equal(setting.outlook.location, location);
  });

  test("old clients without session data or location lists are served too", async () => {
    const setting = new Setting();
    Object.assign(setting.outlook, { mailboxSet: 5, location: "Room 4" });
    assert.equal((await setting.pane.schedule()).kind, "scheduled");
    assert.equal(setting.outlook.location, "Room 4; https://unblu.test/join?id=c1&lang=en");
  });
});

describe("opening the pane again", () => {
  test("an event without a link asks nobody to sign in", async () => {
    const setting = new Setting({ remembersAgent: false });
    assert.equal((await setting.pane.open()).kind, "ready");
    assert.equal(setting.signIn.asked, 0);
  });

  test("a linked event shows its conversation, also after Outlook has renamed the block's id", async () => {
    const setting = new Setting();
    await setting.pane.schedule();
    setting.outlook.reopen();
    const outcome = scheduled(await setting.reopenPane().open());
    assert.deepEqual([outcome.topic, outcome.linkMissing], ["Pension review", false]);
    assert.match(setting.outlook.body, /x_outlook-addin-unblu-/u);
  });

  test("a linked event is shown only after a click where signing in needs one", async () => {
    const setting = new Setting({ remembersAgent: false });
    await setting.pane.schedule();
    assert.equal((await setting.reopenPane().open()).kind, "signIn");
    assert.equal((await setting.pane.open(true)).kind, "scheduled");
  });

  test("a link that somebody deleted from the body can be put back", async () => {
    const setting = new Setting();
    await setting.pane.schedule();
    setting.outlook.body = "";
    assert.equal(scheduled(await setting.reopenPane().open()).linkMissing, true);
    assert.equal(scheduled(await setting.pane.restoreLink()).linkMissing, false);
    assert.match(setting.outlook.body, /id=c1/u);
  });

  for (const bodyType of ["html", "text"] as const) {
    test(`a conversation deleted in Unblu is scheduled again under a new link (${bodyType})`, async () => {
      const setting = new Setting();
      setting.outlook.bodyType = bodyType;
      await setting.pane.schedule();
      const former = setting.outlook.properties["uuid"];
      setting.server.conversations[0] = { ...gone(), id: "gone" };
      setting.outlook.reopen();

      const lost = await setting.reopenPane().open();
      assert.deepEqual([lost.kind, lost.kind === "lost" && lost.reason], ["lost", "deleted"]);
      const again = scheduled(await setting.pane.scheduleAgain());
      assert.notEqual(setting.outlook.properties["uuid"], former);
      assert.equal(again.linkMissing, false);
      assert.ok(!setting.outlook.body.includes("id=c1"), "the dead link is gone from the body");
      assert.equal(setting.outlook.location, "https://unblu.test/join?id=c2&lang=en");
    });
  }

  test("an ended conversation is not taken for a scheduled one", async () => {
    const setting = new Setting();
    await setting.pane.schedule();
    Object.assign(setting.server.conversations[0] ?? {}, { state: "ENDED" });
    const lost = await setting.reopenPane().open();
    assert.deepEqual([lost.kind, lost.kind === "lost" && lost.reason], ["lost", "ended"]);
    assert.equal((await setting.pane.schedule()).kind, "lost");
    assert.equal((await setting.pane.scheduleAgain()).kind, "scheduled");
  });
});

describe("an event that has changed", () => {
  test("can be carried over by hand while synchronisation is off", async () => {
    const setting = new Setting();
    setting.server.sync = { sync: "off" };
    await setting.pane.schedule();
    Object.assign(setting.outlook, { subject: "Mortgage", start: new Date("2026-12-02T10:00:00Z") });
    const outcome = scheduled(await setting.pane.open());
    assert.deepEqual(outcome.drift, { topic: "Mortgage", scheduled: Date.parse("2026-12-02T10:00:00Z") });

    const updated = scheduled(await setting.pane.update());
    assert.deepEqual([updated.topic, updated.scheduled, updated.drift], ["Mortgage", Date.parse("2026-12-02T10:00:00Z"), null]);
    assert.equal(setting.server.conversations[0]?.topic, "Mortgage");
  });

  test("is left to the server while synchronisation works", async () => {
    const setting = new Setting();
    await setting.pane.schedule();
    setting.outlook.subject = "Mortgage";
    assert.equal(scheduled(await setting.pane.open()).drift, null);
  });

  test("says so when Unblu forbids the change", async () => {
    const setting = new Setting();
    setting.server.sync = { sync: "off" };
    await setting.pane.schedule();
    setting.outlook.subject = "Mortgage";
    setting.server.changesDenied = true;
    await assert.rejects(setting.pane.update(), problem("denied"));
  });
});

describe("a calendar that is not connected yet", () => {
  test("is known to be connected once the server says so", async () => {
    const setting = new Setting();
    const subscription = { name: "s", ready: false, reason: "WaitingForWebServer", expirationTime: null };
    setting.server.sync = { sync: "on", subscription };
    const outcome = scheduled(await setting.pane.schedule());
    assert.deepEqual(outcome.sync, { kind: "on", ready: false, reason: "WaitingForWebServer" });
    assert.equal(await setting.pane.connected(outcome), null);

    setting.server.sync = { sync: "on", subscription: { ...subscription, ready: true } };
    assert.deepEqual((await setting.pane.connected(outcome))?.sync, { kind: "on", ready: true, reason: "WaitingForWebServer" });
    assert.equal(setting.server.watched.length, 1);
  });
});

describe("special calendars", () => {
  test("an event in somebody else's calendar is not synchronised", async () => {
    const setting = new Setting();
    setting.outlook.owner = "boss@bank.test";
    const outcome = scheduled(await setting.pane.schedule());
    assert.deepEqual([outcome.notes.shared, outcome.sync, setting.server.watched], [true, { kind: "shared" }, []]);
  });

  test("the agent's own calendar is no shared one, however its address is spelt", async () => {
    const setting = new Setting();
    setting.outlook.owner = "Anna@Bank.test";
    assert.equal((await setting.pane.open()).notes.shared, false);
  });

  test("a series has one conversation, and only its subject can drift", async () => {
    const setting = new Setting();
    setting.outlook.recurrence = { recurrenceType: "weekly" };
    setting.server.sync = { sync: "off" };
    await setting.pane.schedule();
    Object.assign(setting.outlook, { subject: "Mortgage", start: new Date("2026-12-02T10:00:00Z") });
    const outcome = scheduled(await setting.pane.open());
    assert.equal(outcome.notes.kind, "series");
    assert.deepEqual(outcome.drift, { topic: "Mortgage", scheduled: null });
  });

  test("an occurrence never moves the conversation of its series", async () => {
    const setting = new Setting();
    setting.server.sync = { sync: "off" };
    await setting.pane.schedule();
    Object.assign(setting.outlook, { seriesId: "series", start: new Date("2026-12-02T10:00:00Z") });
    const outcome = scheduled(await setting.reopenPane().open());
    assert.deepEqual([outcome.notes.kind, outcome.drift], ["occurrence", null]);
  });
});

function problem(code: string) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

function gone() {
  return { id: "", sourceId: "other", state: "CREATED", topic: "", scheduledTimestamp: 0, links: [] };
}
