// @ts-check
/** Four steps for a first-time visitor, ticked off as they happen. */
import { find } from "./dom.js";

const KEY = "hints";
const HIDDEN = "hidden";

export class Hints {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    root.hidden = localStorage.getItem(KEY) === HIDDEN;
    find("button", root).addEventListener("click", () => this.#hide());
    this.#point();
  }

  /** @param {string} step "slot", "name", "pane", "save" or "move" */
  did(step) {
    this.root.querySelector(`[data-step=${step}]`)?.classList.add("done");
    this.#point();
  }

  #point() {
    const steps = [...this.root.querySelectorAll("[data-step]")];
    const next = steps.find((step) => !step.classList.contains("done"));
    for (const step of steps) step.classList.toggle("next", step === next);
  }

  #hide() {
    this.root.hidden = true;
    localStorage.setItem(KEY, HIDDEN);
  }
}
