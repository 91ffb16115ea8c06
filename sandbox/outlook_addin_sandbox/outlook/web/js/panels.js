// @ts-check
/** The two live panels: what Unblu has, and what kubectl prints. */
import { api } from "./api.js";
import { clock, shortDay } from "./dates.js";
import { el, find, icon } from "./dom.js";

/**
 * @typedef {{id: string, topic: string, scheduled: string | null, state: string, link: string | null,
 *   participants: string[]}} Conversation
 * @typedef {{value?: any, error?: string}} Message
 */

/** @type {Record<string, string>} what a state means to a person */
const STATES = {
  CREATED: "scheduled",
  ONBOARDING: "waiting",
  ACTIVE: "live",
  OFFBOARDING: "closing",
  ENDED: "ended",
};

/** @param {HTMLElement} panel @param {string | undefined} error */
function showHealth(panel, error) {
  panel.classList.toggle("offline", Boolean(error));
  const note = find(".panel-note", panel);
  note.hidden = !error;
  note.textContent = error ? `Not reachable: ${error}` : "";
}

export class UnbluPanel {
  /** @param {HTMLElement} root @param {{visitorsCanJoin: boolean, report: (error: Error) => void}} options */
  constructor(root, options) {
    this.root = root;
    this.options = options;
    /** @type {Map<string, string>} what was drawn, to point out what is new */
    this.drawn = new Map();
  }

  /** @param {Message} message */
  show({ value, error }) {
    showHealth(this.root, error);
    if (error) return;
    const list = find(".conversations", this.root);
    list.replaceChildren(...value.map((/** @type {Conversation} */ one) => this.#card(one)));
    find(".empty", this.root).hidden = value.length > 0;
    find(".count", this.root).textContent = value.length ? String(value.length) : "";
    this.drawn = new Map(value.map((/** @type {Conversation} */ one) => [one.id, JSON.stringify(one)]));
  }

  /** @param {Conversation} one */
  #card(one) {
    const isNews = this.drawn.get(one.id) !== JSON.stringify(one);
    const when = one.scheduled ? new Date(one.scheduled) : null;
    return el(
      "li",
      { class: `conversation state-${one.state.toLowerCase()}${isNews ? " news" : ""}` },
      el(
        "div",
        { class: "conversation-head" },
        el("strong", {}, one.topic),
        el("span", { class: "state", title: one.state }, STATES[one.state] ?? one.state),
      ),
      el("p", {}, icon("clock"), when ? `${shortDay(when)}, ${clock(when)}` : "no time"),
      el("p", {}, icon("people"), one.participants.join(", ") || "nobody yet"),
      this.#actions(one),
    );
  }

  /** @param {Conversation} one */
  #actions(one) {
    const join = () => api.visitorJoins(one.id).catch(this.options.report);
    const canJoin = this.options.visitorsCanJoin && one.state !== "ENDED";
    return el(
      "div",
      { class: "conversation-actions" },
      canJoin
        ? el("button", { type: "button", class: "small-button", onclick: join }, "Visitor joins")
        : null,
      one.link
        ? el(
            "a",
            { class: "small-link", href: one.link, target: "_blank", rel: "noopener" },
            "Public link",
            icon("out"),
          )
        : null,
    );
  }
}

export class Terminal {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    /** @type {Set<string>} */
    this.lines = new Set();
  }

  /** @param {Message} message */
  show({ value, error }) {
    showHealth(this.root, error);
    if (error) return;
    const lines = String(value).replace(/\s+$/, "").split("\n");
    find("pre", this.root).replaceChildren(...lines.map((line) => this.#line(line)));
    this.lines = new Set(lines);
  }

  /** @param {string} line */
  #line(line) {
    if (/^NAME\s/.test(line)) return el("span", { class: "line head" }, `${line}\n`);
    const classes = this.lines.size && line && !this.lines.has(line) ? "line news" : "line";
    const words = line.split(/\b(True|False|Unknown)\b/);
    const coloured = words.map((word) =>
      /^(True|False|Unknown)$/.test(word) ? el("b", { class: word.toLowerCase() }, word) : word,
    );
    return el("span", { class: classes }, ...coloured, "\n");
  }
}
