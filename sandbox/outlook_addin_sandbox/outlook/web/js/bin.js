// @ts-check
/** Deleted items: what can still come back, and what is let go for good. */
import { clock, shortDay } from "./dates.js";
import { el, find, icon } from "./dom.js";
import { inWords } from "./repeats.js";

/**
 * @typedef {import("./api.js").CalendarEvent} CalendarEvent
 * @typedef {{restore: (event: CalendarEvent) => void, purge: (event: CalendarEvent) => void}} BinActions
 */
export class DeletedItems {
  /** @param {HTMLElement} root @param {HTMLElement} opener @param {BinActions} actions */
  constructor(root, opener, actions) {
    this.root = root;
    this.opener = opener;
    this.actions = actions;
    opener.addEventListener("click", () => this.toggle(Boolean(this.root.hidden)));
    find(".icon-button", root).addEventListener("click", () => this.toggle(false));
    root.addEventListener("keydown", ({ key }) => key === "Escape" && this.toggle(false));
  }

  /** @param {boolean} open */
  toggle(open) {
    this.root.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    (open ? find(".icon-button", this.root) : this.opener).focus();
  }

  /** @param {CalendarEvent[]} events */
  show(events) {
    const list = find(".bin-items", this.root);
    const hadFocus = list.contains(document.activeElement);
    list.replaceChildren(...events.map((event) => this.#item(event)));
    if (hadFocus) find("button", this.root).focus();
    find(".empty", this.root).hidden = events.length > 0;
    find(".count", this.opener).textContent = events.length ? String(events.length) : "";
  }

  /** @param {CalendarEvent} event */
  #item(event) {
    const { restore, purge } = this.actions;
    const start = new Date(event.start);
    const when = event.isAllDay ? shortDay(start) : `${shortDay(start)}, ${clock(start)}`;
    const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) =>
      el("button", { type: "button", class: "small-button", onclick }, name);
    return el(
      "li",
      { class: "bin-item" },
      el("strong", {}, event.subject || "(No subject)"),
      event.recurrence
        ? el("p", {}, icon("repeat"), inWords(event.recurrence))
        : el("p", {}, icon("clock"), when),
      el(
        "div",
        { class: "bin-actions" },
        button("Restore", () => restore(event)),
        button("Delete for good", () => purge(event)),
      ),
    );
  }
}
