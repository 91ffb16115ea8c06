// @ts-check
/** Seven days, with events drawn by time. */
import {
  MINUTE,
  addDays,
  clock,
  longDay,
  minuteOfDay,
  sameDay,
  startOfDay,
  startOfWeek,
  weekday,
} from "./dates.js";
import { el, find, icon } from "./dom.js";
import { dragging } from "./drag.js";
import { sideBySide } from "./layout.js";
import { inWords } from "./repeats.js";

const STEP = 30;
const DAY = 24 * 60;

/**
 * @typedef {import("./api.js").CalendarEvent} CalendarEvent
 * @typedef {{source: CalendarEvent, start: Date, end: Date}} Timed
 * @typedef {object} WeekActions
 * @property {(start: Date) => void} create
 * @property {(event: CalendarEvent) => void} open
 * @property {(event: CalendarEvent, start: Date, end: Date) => void} move
 */
export class Week {
  /** @param {HTMLElement} root @param {WeekActions} actions */
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.monday = startOfWeek(new Date());
    /** @type {CalendarEvent[]} */
    this.events = [];
    /** @type {Map<string | null, CalendarEvent>} by id; what is drawn are their occurrences */
    this.series = new Map();
    this.drag = dragging(root, {
      isEnabled: (id) => this.events.some((event) => event.id === id && !event.isAllDay && !event.invitedBy),
      dropped: (id, days, minutes, grows) => this.#dropped(id, days, minutes, grows),
      ended: () => this.render(),
    });
    this.#build();
    window.setInterval(() => this.#drawNow(), MINUTE / 2);
  }

  /** @param {CalendarEvent[]} events */
  show(events) {
    this.events = events.filter(({ recurrence }) => !recurrence);
    this.series = new Map(events.filter(({ recurrence }) => recurrence).map((one) => [one.id, one]));
    this.render();
  }

  /** @param {Date} monday */
  goTo(monday) {
    this.monday = monday;
    this.#build();
    this.render();
  }

  /** Bring a time of day into view. */
  scrollToHour(/** @type {number} */ hour) {
    this.root.scrollTop = (this.root.querySelector(".hours")?.clientHeight ?? 0) * (hour / 24);
  }

  render() {
    if (this.drag.isActive()) return;
    const focused = document.activeElement?.getAttribute("data-event");
    this.#days().forEach((column, index) => this.#renderDay(column, addDays(this.monday, index)));
    this.#drawNow();
    if (focused)
      /** @type {HTMLElement} */ (this.root.querySelector(`[data-event="${CSS.escape(focused)}"]`))?.focus();
  }

  #days() {
    return [...this.root.querySelectorAll(".day")].map((day) => /** @type {HTMLElement} */ (day));
  }

  #build() {
    const days = [...Array(7).keys()].map((index) => addDays(this.monday, index));
    const hours = [...Array(24).keys()].map((hour) =>
      el("span", {}, hour ? `${String(hour).padStart(2, "0")}:00` : ""),
    );
    this.root.replaceChildren(
      el("div", { class: "week-head" }, el("span"), ...days.map(dayHead)),
      el(
        "div",
        { class: "week-all-day" },
        el("span", {}, "all day"),
        ...days.map(() => el("div", { class: "all-day" })),
      ),
      el(
        "div",
        { class: "week-body" },
        el("div", { class: "hours" }, ...hours),
        ...days.map((day) => this.#column(day)),
      ),
    );
  }

  /** @param {Date} day */
  #column(day) {
    const ghost = el("div", { class: "ghost", hidden: true });
    const column = el("div", { class: "day", "aria-label": longDay(day), role: "group" }, ghost);
    if (sameDay(day, new Date())) column.classList.add("today");
    column.addEventListener("pointermove", (event) => this.#hover(column, ghost, event));
    column.addEventListener("pointerleave", () => (ghost.hidden = true));
    column.addEventListener("click", (event) => {
      if (event.target !== column && event.target !== ghost) return;
      this.actions.create(new Date(startOfDay(day).setMinutes(slotAt(column, event))));
    });
    return column;
  }

  /** @param {HTMLElement} column @param {HTMLElement} ghost @param {PointerEvent} event */
  #hover(column, ghost, event) {
    const minute = slotAt(column, event);
    ghost.hidden = (event.target !== column && event.target !== ghost) || event.buttons > 0;
    ghost.style.setProperty("--from", String(minute));
    ghost.textContent = `+ ${clock(new Date(2000, 0, 1, 0, minute))}`;
  }

  /** @param {HTMLElement} column @param {Date} day */
  #renderDay(column, day) {
    const timed = this.events
      .filter((event) => !event.isAllDay)
      .map((source) => clipped(source, day))
      .filter((event) => event !== null);
    column.querySelectorAll(".event").forEach((old) => old.remove());
    for (const place of sideBySide(timed)) column.append(this.#block(place));
    const cell = this.root.querySelectorAll(".all-day")[this.#days().indexOf(column)];
    cell.replaceChildren(
      ...this.events.filter((event) => coversDay(event, day)).map((event) => this.#chip(event)),
    );
  }

  /** @param {{event: Timed, column: number, columns: number}} place */
  #block({ event: { source, start, end }, column, columns }) {
    const from = minuteOfDay(start);
    const minutes = Math.max((end.getTime() - start.getTime()) / MINUTE, 20);
    const time = `--from: ${from}; --minutes: ${Math.min(minutes, DAY - from)}`;
    const style = `${time}; --column: ${column}; --columns: ${columns}`;
    const room = minutes < 45 ? " short" : minutes < 60 ? " medium" : "";
    const [opens, closes] = [source.start, source.end].map((iso) => clock(new Date(iso)));
    return this.#button(source, `event${room}`, { style }, [
      el("strong", {}, source.subject || "(No subject)"),
      el("span", { class: "event-time" }, minutes < 45 ? opens : `${opens} – ${closes}`),
      source.location && minutes > 60 ? el("span", { class: "event-place" }, source.location) : null,
      el("span", { class: "grip", "aria-hidden": "true" }),
    ]);
  }

  /** @param {CalendarEvent} source */
  #chip(source) {
    return this.#button(source, "event all-day-event", {}, [
      el("strong", {}, source.subject || "(No subject)"),
    ]);
  }

  /** @param {CalendarEvent} source @param {string} kind @param {object} attributes @param {(Node | null)[]} content */
  #button(source, kind, attributes, content) {
    const isLinked = Object.keys(source.customProperties).length > 0;
    const classes = [
      kind,
      isLinked && "linked",
      source.sensitivity !== "normal" && "private",
      source.isCancelled && "cancelled",
    ];
    const rule = this.series.get(source.seriesId)?.recurrence;
    const marks = [
      rule && "repeat",
      isLinked ? "camera" : source.sensitivity !== "normal" && "lock",
    ].flatMap((name) => (name ? [icon(name)] : []));
    const button = el(
      "button",
      {
        type: "button",
        class: classes.filter(Boolean).join(" "),
        "data-event": source.id,
        title: rule && inWords(rule),
        ...attributes,
      },
      ...content,
      marks.length ? el("span", { class: "marks" }, ...marks) : null,
    );
    button.addEventListener("click", () => this.drag.wasClick() && this.actions.open(source));
    return button;
  }

  #drawNow() {
    this.root.querySelector(".now")?.remove();
    const now = new Date();
    const today =
      this.#days()[Math.round((startOfDay(now).getTime() - this.monday.getTime()) / (DAY * MINUTE))];
    today?.append(el("div", { class: "now", style: `--from: ${minuteOfDay(now)}` }));
  }

  /** @param {string} id @param {number} days @param {number} minutes @param {boolean} grows only the end moves */
  #dropped(id, days, minutes, grows) {
    const event = this.events.find((one) => one.id === id);
    if (!event || (days === 0 && minutes === 0)) return;
    const shift = (/** @type {string} */ time) =>
      new Date(addDays(new Date(time), days).getTime() + minutes * MINUTE);
    const start = grows ? new Date(event.start) : shift(event.start);
    const end = grows ? new Date(new Date(event.end).getTime() + minutes * MINUTE) : shift(event.end);
    if (end.getTime() - start.getTime() < 15 * MINUTE) return;
    Object.assign(event, { start: start.toISOString(), end: end.toISOString() });
    this.actions.move(event, start, end);
  }
}

/** @param {Date} day */
function dayHead(day) {
  const classes = sameDay(day, new Date()) ? "day-head today" : "day-head";
  return el("div", { class: classes }, el("span", {}, weekday(day)), el("b", {}, String(day.getDate())));
}

/** @param {HTMLElement} column @param {MouseEvent} event minute of the day, on a half hour */
function slotAt(column, event) {
  const { top, height } = column.getBoundingClientRect();
  return Math.min(Math.floor((((event.clientY - top) / height) * DAY) / STEP) * STEP, DAY - STEP);
}

/** @param {CalendarEvent} source @param {Date} day @returns {Timed | null} the part of it on this day */
function clipped(source, day) {
  const start = new Date(Math.max(new Date(source.start).getTime(), startOfDay(day).getTime()));
  const end = new Date(Math.min(new Date(source.end).getTime(), addDays(startOfDay(day), 1).getTime()));
  return start < end || sameDay(new Date(source.start), day) ? { source, start, end } : null;
}

/** @param {CalendarEvent} event @param {Date} day */
function coversDay(event, day) {
  return event.isAllDay && new Date(event.start) <= day && addDays(day, 1) <= new Date(event.end);
}

/** The element in index.html. */
export const weekRoot = () => find("#week");
