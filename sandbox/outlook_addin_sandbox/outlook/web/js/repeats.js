// @ts-check
/** How an event repeats: the inputs of the form, and the pattern in words. */
import { startOfDay, zone } from "./dates.js";
import { el, find, icon } from "./dom.js";

export const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const UNITS = { daily: "day", weekly: "week" };

/**
 * @typedef {{type: "daily" | "weekly", interval: number, daysOfWeek: string[],
 *   numberOfOccurrences: number | null, endDate: string | null}} Recurrence
 * @typedef {import("./draft.js").Draft} Draft
 */

/** @param {string} text */
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** @param {Date} date */
const dayOf = (date) => DAYS[(date.getDay() + 6) % 7];

/** @param {Recurrence} recurrence @returns {string} such as "Every 2 weeks on Monday and Thursday" */
export function inWords({ type, interval, daysOfWeek, numberOfOccurrences, endDate }) {
  const every = interval === 1 ? `Every ${UNITS[type]}` : `Every ${interval} ${UNITS[type]}s`;
  const days = new Intl.ListFormat("en-GB").format(daysOfWeek.map(capital));
  const until = endDate && new Date(`${endDate}T00:00`).toLocaleDateString("en-GB", { dateStyle: "long" });
  return [
    every,
    type === "weekly" && days ? ` on ${days}` : "",
    until ? `, until ${until}` : "",
    numberOfOccurrences ? `, ${numberOfOccurrences} times` : "",
  ].join("");
}

/**
 * A series on the one weekday of its start moves to another weekday with its start.
 *
 * @param {Recurrence | null} recurrence
 * @param {Date} from
 * @param {Date} to
 */
export function movedAlong(recurrence, from, to) {
  if (recurrence?.type !== "weekly" || recurrence.daysOfWeek.join() !== dayOf(from)) return recurrence;
  return { ...recurrence, daysOfWeek: [dayOf(to)] };
}

/**
 * The pattern as Office.js tells it; without `seriesTime`, which no pane asked for yet.
 *
 * @param {Recurrence | null | undefined} recurrence
 * @param {Date} start
 */
export function officeRecurrence(recurrence, start) {
  if (!recurrence) return null;
  const { type, interval, daysOfWeek } = recurrence;
  const days = daysOfWeek.map((day) => day.slice(0, 3));
  return {
    recurrenceType: type,
    recurrenceProperties: { interval, ...(type === "weekly" && { days, firstDayOfWeek: "mon" }) },
    recurrenceTimeZone: { name: zone(), offset: -start.getTimezoneOffset() },
  };
}

/** @param {Draft} draft */
export function makeRepeats(draft) {
  if (draft.series?.recurrence) return occurrenceNote(draft.series.recurrence);
  const row = el("div", { class: "repeats" });
  fill(row, draft);
  return row;
}

/** @param {Recurrence} recurrence */
const occurrenceNote = (recurrence) =>
  el(
    "p",
    { class: "series-note" },
    icon("repeat"),
    el("span", {}, `${inWords(recurrence)}. Changes here are for this occurrence.`),
  );

/** @param {HTMLElement} row @param {Draft} draft */
function fill(row, draft) {
  const { recurrence } = draft.fields;
  const type = recurrence?.type ?? "never";
  row.dataset.type = type;
  row.replaceChildren(makeType(type), ...(recurrence ? makeDetails(recurrence, draft.fields.start) : []));
}

/** @param {string} chosen */
function makeType(chosen) {
  const names = { never: "Does not repeat", daily: "Daily", weekly: "Weekly" };
  const options = Object.entries(names).map(([value, name]) =>
    el("option", { value, selected: value === chosen }, name),
  );
  return field("Repeat", el("select", { name: "repeat" }, ...options));
}

/** @param {Recurrence} recurrence @param {Date} start */
function makeDetails({ type, interval, daysOfWeek, endDate }, start) {
  const every = el("input", { name: "interval", type: "number", min: 1, max: 52, value: interval });
  const until = el("input", { name: "until", type: "date", value: endDate, min: isoDay(start) });
  return [
    field(`Every (${UNITS[type]}s)`, every),
    type === "weekly"
      ? el("fieldset", { class: "days" }, el("legend", {}, "On"), ...DAYS.map((day) => dayBox(day, daysOfWeek)))
      : null,
    field("Until (optional)", until),
  ].filter((one) => one !== null);
}

/** @param {string} day @param {string[]} chosen */
const dayBox = (day, chosen) =>
  el(
    "label",
    { title: capital(day) },
    el("input", {
      type: "checkbox",
      name: "days",
      value: day,
      checked: chosen.includes(day),
      "aria-label": capital(day),
    }),
    el("span", { "aria-hidden": "true" }, capital(day).slice(0, 2)),
  );

/** @param {string} label @param {HTMLElement} input */
const field = (label, input) => el("label", { class: "field" }, el("span", {}, label), input);

/** @param {Date} date */
const isoDay = (date) => new Date(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate())).toISOString().slice(0, 10);

/**
 * Take over what the person chose.
 *
 * @param {HTMLElement} root
 * @param {Draft} draft
 */
export function readRepeats(root, draft) {
  const row = /** @type {HTMLElement | null} */ (root.querySelector(".repeats"));
  if (!row) return;
  const recurrence = chosen(row, draft);
  if (JSON.stringify(recurrence) !== JSON.stringify(draft.fields.recurrence))
    draft.set({ recurrence }, "person");
}

/** @param {HTMLElement} row @param {Draft} draft @returns {Recurrence | null} */
function chosen(row, { fields: { start, recurrence: before } }) {
  const type = /** @type {HTMLSelectElement} */ (find("[name=repeat]", row)).value;
  if (type !== "daily" && type !== "weekly") return null;
  const value = (/** @type {string} */ name) =>
    /** @type {HTMLInputElement | null} */ (row.querySelector(`[name=${name}]`))?.value ?? "";
  const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (row.querySelectorAll("[name=days]:checked"));
  const days = [...boxes].map((box) => box.value);
  const endDate = value("until") || null;
  return {
    type,
    interval: Math.max(1, Number(value("interval")) || 1),
    daysOfWeek: type === "weekly" ? (days.length ? days : [dayOf(startOfDay(start))]) : [],
    numberOfOccurrences: endDate ? null : (before?.numberOfOccurrences ?? null),
    endDate,
  };
}

/**
 * Show a changed pattern; what is being typed stays.
 *
 * @param {HTMLElement} root
 * @param {Draft} draft
 */
export function showRepeats(root, draft) {
  const row = /** @type {HTMLElement | null} */ (root.querySelector(".repeats"));
  if (!row) return;
  const { recurrence } = draft.fields;
  if (row.dataset.type !== (recurrence?.type ?? "never")) {
    fill(row, draft);
    find("[name=repeat]", row).focus();
  }
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (row.querySelectorAll("[name=days]")))
    box.checked = recurrence?.daysOfWeek.includes(box.value) ?? false;
}
