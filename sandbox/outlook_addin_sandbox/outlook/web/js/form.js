// @ts-check
/** The event form: fields, ribbon, and the task pane beside them. */
import { el, find, icon } from "./dom.js";
import { makeFields, readFields, showFields } from "./fields.js";
import { PaneHost } from "./pane-host.js";
import { confirmDiscard } from "./questions.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {object} FormActions
 * @property {(draft: Draft) => Promise<void>} save
 * @property {(draft: Draft) => Promise<void>} saveProperties
 * @property {(draft: Draft) => Promise<boolean>} remove answers whether the event is gone
 * @property {(draft: Draft) => void} openSeries
 * @property {(step: string) => void} didStep
 * @property {() => {url: string, id: string | null}} addin
 * @property {() => import("./api.js").Agent} agent
 */
export class EventForm {
  /**
   * @param {HTMLElement} root
   * @param {FormActions} actions
   * @param {{profile: import("./profiles.js").Profile, consentFirst: boolean}} client
   */
  constructor(root, actions, client) {
    this.root = root;
    this.actions = actions;
    this.client = client;
    /** @type {Draft | null} */
    this.draft = null;
    /** @type {PaneHost | null} */
    this.pane = null;
    root.addEventListener("keydown", (event) => void this.#onKey(event));
  }

  get isOpen() {
    return this.draft !== null;
  }

  /** @param {Draft} draft */
  open(draft) {
    this.#leave();
    this.draft = draft;
    this.root.replaceChildren(this.#ribbon(draft), this.#main(draft));
    this.root.setAttribute("aria-label", title(draft));
    this.root.hidden = false;
    draft.addEventListener("change", (event) => this.#changed(/** @type {CustomEvent} */ (event).detail));
    draft.addEventListener("notifications", () => this.#showNotifications());
    find(draft.invitedBy ? "[aria-label=Close]" : "[name=subject]", this.root).focus();
  }

  /** Ask before edits are lost; answers whether the form is closed. */
  async close() {
    if (this.draft?.isDirty && !(await confirmDiscard())) return false;
    this.#leave();
    return true;
  }

  #leave() {
    this.closePane();
    this.draft = null;
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  /** @param {KeyboardEvent} event */
  async #onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") {
      // The same key press would close the question that it opens.
      event.preventDefault();
      await this.close();
    }
    if (event.key === "Enter" && (target.matches("input:not([type=checkbox])") || event.ctrlKey)) {
      event.preventDefault();
      await this.#save();
    }
  }

  /** @param {Draft} draft */
  #ribbon(draft) {
    const button = (
      /** @type {string} */ kind,
      /** @type {string} */ image,
      /** @type {string} */ name,
      /** @type {() => void} */ onclick,
    ) => el("button", { type: "button", class: kind, onclick }, icon(image), name);
    const addin = button("ribbon-button addin", "bubble", "Unblu Conversation", () => this.togglePane());
    addin.setAttribute("aria-pressed", "false");
    return el(
      "header",
      { class: "ribbon" },
      draft.invitedBy ? null : button("ribbon-button primary", "save", "Save", () => void this.#save()),
      draft.isNew
        ? null
        : button("ribbon-button", "bin", draft.isSeries ? "Delete series" : "Delete", () => void this.#remove()),
      draft.series
        ? button("ribbon-button", "repeat", "Open series", () => this.actions.openSeries(draft))
        : null,
      ...(draft.invitedBy ? [] : [el("span", { class: "ribbon-line" }), addin]),
      el("span", { class: "ribbon-space" }),
      el(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => void this.close() },
        icon("close"),
      ),
    );
  }

  /** @param {Draft} draft */
  #main(draft) {
    const inputs = makeFields(draft, () => {
      readFields(this.root, draft);
      if (draft.fields.subject) this.actions.didStep("name");
    });
    if (draft.invitedBy) showAsInvited(inputs, draft.invitedBy);
    const pane = el("aside", { class: "pane", hidden: true, "aria-label": "Task pane" });
    return el("div", { class: "form-main" }, inputs, pane);
  }

  /** @param {{names: string[], by: string}} change */
  #changed({ names, by }) {
    if (this.draft) showFields(this.root, this.draft, names, by);
  }

  #showNotifications() {
    const shown = [...(this.draft?.notifications.values() ?? [])];
    find(".notifications", this.root).replaceChildren(
      ...shown.map(({ type, message }) => el("p", { class: `notification ${type}` }, message)),
    );
  }

  async #save() {
    const { draft } = this;
    if (!draft || draft.invitedBy) return;
    await this.actions.save(draft);
    if (!draft.isDirty) this.#leave();
  }

  async #remove() {
    const { draft } = this;
    if (!draft) return;
    if (await this.actions.remove(draft)) this.#leave();
  }

  togglePane() {
    if (this.pane) this.closePane();
    else this.openPane();
  }

  openPane() {
    const { draft } = this;
    const { url } = this.actions.addin();
    if (!draft) return;
    const frame = /** @type {HTMLIFrameElement} */ (
      el("iframe", {
        title: "Unblu Conversation",
        src: `${url}/taskpane.html`,
        sandbox:
          "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-modals",
        allow: "clipboard-write",
      })
    );
    const closePane = () => this.closePane();
    const close = el(
      "button",
      { type: "button", class: "icon-button", "aria-label": "Close pane", onclick: closePane },
      icon("close"),
    );
    const pane = find(".pane", this.root);
    pane.hidden = false;
    pane.replaceChildren(el("header", {}, el("h2", {}, "Unblu Conversation"), close), frame);
    find(".addin", this.root).setAttribute("aria-pressed", "true");
    const { save, saveProperties, agent } = this.actions;
    const saves = { save: () => save(draft), saveProperties: () => saveProperties(draft) };
    this.pane = new PaneHost({
      frame,
      addinUrl: url,
      draft,
      agent: agent(),
      closePane,
      ...this.client,
      ...saves,
    });
    this.actions.didStep("pane");
  }

  closePane() {
    this.pane?.dispose();
    this.pane = null;
    const pane = this.root.querySelector(".pane");
    pane?.replaceChildren();
    pane?.setAttribute("hidden", "");
    this.root.querySelector(".addin")?.setAttribute("aria-pressed", "false");
  }
}

/**
 * What Outlook shows to attendees: nothing to change, and no add-in, whose button is in the organizer's form.
 *
 * @param {HTMLElement} inputs
 * @param {string} organizer
 */
function showAsInvited(inputs, organizer) {
  const notifications = find(".notifications", inputs);
  const told = `${organizer} invited you. Only the organizer can change the meeting.`;
  notifications.replaceChildren(el("p", { class: "notification" }, told));
  for (const part of inputs.children)
    if (part !== notifications) /** @type {HTMLElement} */ (part).inert = true;
}

/** @param {Draft} draft */
function title(draft) {
  if (draft.isNew) return "New event";
  if (draft.series) return "Occurrence of a series";
  return draft.isSeries ? "Series" : "Event";
}
