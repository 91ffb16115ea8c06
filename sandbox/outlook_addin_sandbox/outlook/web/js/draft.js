// @ts-check
import { HOUR, MINUTE, addDays, startOfDay, zone } from "./dates.js";
import { movedAlong } from "./repeats.js";

/**
 * What an open form holds; the mailbox learns of it with Save.
 *
 * @typedef {{subject: string, start: Date, end: Date, isAllDay: boolean, location: string, body: string,
 *   attendees: string[], sensitivity: string, recurrence: import("./repeats.js").Recurrence | null}} Fields
 * @typedef {import("./api.js").CalendarEvent} CalendarEvent
 */
export class Draft extends EventTarget {
  /**
   * @param {Fields} fields
   * @param {{id?: string, invitedBy?: string, customProperties?: Record<string, any>}} [saved]
   * @param {CalendarEvent | null} [series] of which this is one occurrence
   */
  constructor(fields, { id, invitedBy = "", customProperties = {} } = {}, series = null) {
    super();
    this.id = id ?? null;
    /** address of the organizer, who alone can change the meeting; empty for an event of one's own */
    this.invitedBy = invitedBy;
    this.series = series;
    this.fields = { ...fields };
    this.customProperties = { ...customProperties };
    this.original = this.#json();
    /** @type {Map<string, any>} notification messages by key */
    this.notifications = new Map();
    /** @type {Record<string, string>} lives as long as the form */
    this.sessionData = {};
    this.propertySaves = 0;
  }

  /** @param {Date} start @param {Date} [end] */
  static empty(start, end = new Date(start.getTime() + HOUR / 2)) {
    const isAllDay = false;
    return new Draft({
      subject: "",
      start,
      end,
      isAllDay,
      location: "",
      body: "",
      attendees: [],
      sensitivity: "normal",
      recurrence: null,
    });
  }

  /**
   * @param {CalendarEvent} event
   * @param {(html: string) => string} cleanBody
   * @param {CalendarEvent} [series] of which the event is one occurrence
   */
  static of(event, cleanBody, series) {
    const { subject, isAllDay, location, attendees, sensitivity, recurrence } = event;
    const times = { start: new Date(event.start), end: new Date(event.end) };
    const body = cleanBody(event.body);
    return new Draft(
      { subject, ...times, isAllDay, location, body, attendees, sensitivity, recurrence },
      event,
      series,
    );
  }

  get isSeries() {
    return this.fields.recurrence !== null;
  }

  get isNew() {
    return this.id === null;
  }

  get isDirty() {
    return Object.keys(this.changes()).length > 0;
  }

  /**
   * @param {Partial<Fields>} fields
   * @param {"person" | "addin"} by an editor does not redraw what the person types
   */
  set(fields, by) {
    Object.assign(this.fields, fields);
    this.dispatchEvent(new CustomEvent("change", { detail: { names: Object.keys(fields), by } }));
  }

  /** @param {Date} start the duration stays @param {"person" | "addin"} by */
  setStart(start, by) {
    const { start: before, end, recurrence } = this.fields;
    const duration = end.getTime() - before.getTime();
    const moved = movedAlong(recurrence, before, start);
    this.set({ start, end: new Date(start.getTime() + duration), recurrence: moved }, by);
  }

  /** @param {boolean} isAllDay @param {Date} [now] */
  setAllDay(isAllDay, now = new Date()) {
    const day = startOfDay(this.fields.start);
    const opening = new Date(day.getTime() + (now.getHours() + 1) * HOUR);
    if (isAllDay) this.set({ isAllDay, start: day, end: addDays(day, 1) }, "person");
    else this.set({ isAllDay, start: opening, end: new Date(opening.getTime() + 30 * MINUTE) }, "person");
  }

  /** @param {Record<string, any>} properties */
  setProperties(properties) {
    this.customProperties = { ...properties };
    this.dispatchEvent(new CustomEvent("change", { detail: { names: ["customProperties"], by: "addin" } }));
  }

  /** Fields that differ from the mailbox, as the API wants them; all of them for a new event. */
  changes() {
    const now = this.#json();
    const changed = Object.entries(now).filter(([name, value]) => this.original[name] !== value);
    /** @type {Record<string, any>} */
    const body = Object.fromEntries(changed.map(([name, value]) => [name, JSON.parse(value)]));
    // Times belong together: the mailbox checks their order.
    if ("start" in body || "end" in body || "isAllDay" in body) {
      Object.assign(body, {
        start: this.fields.start,
        end: this.fields.end,
        isAllDay: this.fields.isAllDay,
        timeZone: zone(),
      });
    }
    return body;
  }

  /** Everything, for a first save. */
  everything() {
    return { ...this.fields, customProperties: this.customProperties, timeZone: zone() };
  }

  /** @param {string} id what was sent is now in the mailbox */
  markSaved(id) {
    this.id = id;
    this.original = this.#json();
    this.dispatchEvent(new CustomEvent("change", { detail: { names: ["id"], by: "addin" } }));
  }

  /** Only the properties were written. */
  markPropertiesSaved() {
    this.original.customProperties = JSON.stringify(this.customProperties);
  }

  /** @returns {Record<string, string>} */
  #json() {
    const all = { ...this.fields, customProperties: this.customProperties };
    return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, JSON.stringify(value)]));
  }
}
