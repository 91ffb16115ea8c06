// @ts-check
/** The inputs of the event form, from and to its draft. */
import { fromInput, inputValue } from "./dates.js";
import { el, find } from "./dom.js";
import { makeEditor } from "./editor.js";
import { makeRepeats, readRepeats, showRepeats } from "./repeats.js";

const SENSITIVITIES = ["normal", "personal", "private", "confidential"];
const TIMES = ["start", "end", "isAllDay"];

/** @typedef {import("./draft.js").Draft} Draft */

/**
 * @param {Draft} draft
 * @param {() => void} typed called after every input but the description's
 */
export function makeFields(draft, typed) {
  const { subject, attendees, location, sensitivity, body } = draft.fields;
  const invited = { value: attendees.join("; "), placeholder: "name@example.com; …" };
  return el(
    "form",
    { class: "fields", onsubmit: (/** @type {Event} */ event) => event.preventDefault(), oninput: typed },
    el("div", { class: "notifications", role: "status" }),
    text("subject", "Subject", {
      value: subject,
      class: "subject",
      placeholder: "Add a subject",
      maxlength: 255,
    }),
    el("div", { class: "times" }, ...makeTimes(draft)),
    makeRepeats(draft),
    text("attendees", "Invite", invited),
    el(
      "div",
      { class: "pair" },
      text("location", "Location", { value: location, placeholder: "Room or link", maxlength: 255 }),
      makeSensitivity(sensitivity),
    ),
    makeEditor(body, (html) => draft.set({ body: html }, "person")),
  );
}

/**
 * Take over what the person typed.
 *
 * @param {HTMLElement} root
 * @param {Draft} draft
 */
export function readFields(root, draft) {
  const value = (/** @type {string} */ name) => input(root, name).value;
  const attendees = value("attendees")
    .split(/[;,]/)
    .map((one) => one.trim())
    .filter(Boolean);
  const [subject, location, sensitivity] = ["subject", "location", "sensitivity"].map(value);
  draft.set({ subject, location, attendees, sensitivity }, "person");
  readRepeats(root, draft);
  const isAllDay = input(root, "isAllDay").checked;
  if (isAllDay !== draft.fields.isAllDay) draft.setAllDay(isAllDay);
  else readTimes(draft, value("start"), value("end"));
}

/**
 * Show what changed in the draft; nothing that the person is typing.
 *
 * @param {HTMLElement} root
 * @param {Draft} draft
 * @param {string[]} names
 * @param {string} by
 */
export function showFields(root, draft, names, by) {
  if (names.some((name) => TIMES.includes(name))) showTimes(root, draft);
  if (names.includes("recurrence")) showRepeats(root, draft);
  if (by === "person") return;
  const { subject, location, body } = draft.fields;
  if (names.includes("subject")) input(root, "subject").value = subject;
  if (names.includes("location")) input(root, "location").value = location;
  if (names.includes("body")) find(".editor-text", root).innerHTML = body;
}

/** @param {Draft} draft @returns {{start: string, end: string}} an all-day event shows its last day */
function timeValues({ fields: { start, end, isAllDay } }) {
  const last = isAllDay ? new Date(end.getTime() - 1) : end;
  return { start: inputValue(start, isAllDay), end: inputValue(last, isAllDay) };
}

/** @param {Draft} draft */
function makeTimes(draft) {
  const { start, end } = timeValues(draft);
  const { isAllDay } = draft.fields;
  const type = isAllDay ? "date" : "datetime-local";
  return [
    text("start", "Start", { type, value: start }),
    text("end", "End", { type, value: end }),
    el(
      "label",
      { class: "check" },
      el("input", { name: "isAllDay", type: "checkbox", checked: isAllDay }),
      "All day",
    ),
  ];
}

/** @param {Draft} draft @param {string} startText @param {string} endText */
function readTimes(draft, startText, endText) {
  const shown = timeValues(draft);
  const start = fromInput(startText);
  if (start && startText !== shown.start) return draft.setStart(start, "person");
  const last = fromInput(endText);
  if (!last || endText === shown.end) return;
  const end = draft.fields.isAllDay
    ? new Date(last.getFullYear(), last.getMonth(), last.getDate() + 1)
    : last;
  if (end > draft.fields.start) draft.set({ end }, "person");
}

/** @param {HTMLElement} root @param {Draft} draft */
function showTimes(root, draft) {
  const times = find(".times", root);
  const focused = document.activeElement?.getAttribute("name");
  if (focused !== "start" && focused !== "end") {
    times.replaceChildren(...makeTimes(draft));
    if (focused === "isAllDay") input(times, "isAllDay").focus();
    return;
  }
  // The field under the cursor keeps its half-typed value.
  const other = focused === "start" ? "end" : "start";
  input(times, other).value = timeValues(draft)[other];
}

/** @param {HTMLElement} root @param {string} name */
const input = (root, name) => /** @type {HTMLInputElement} */ (find(`[name=${name}]`, root));

/** @param {string} label @param {HTMLElement} element */
const labelled = (label, element) => el("label", { class: "field" }, el("span", {}, label), element);

/** @param {string} name @param {string} label @param {object} attributes */
const text = (name, label, attributes) =>
  labelled(label, el("input", { name, autocomplete: "off", ...attributes }));

/** @param {string} chosen */
function makeSensitivity(chosen) {
  const options = SENSITIVITIES.map((value) =>
    el("option", { value, selected: value === chosen }, value[0].toUpperCase() + value.slice(1)),
  );
  return labelled("Sensitivity", el("select", { name: "sensitivity" }, ...options));
}
