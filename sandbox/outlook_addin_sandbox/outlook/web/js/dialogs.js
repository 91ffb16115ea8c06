// @ts-check
import { OfficeError } from "./office-error.js";

const CLOSED = 12006;

/**
 * The window behind displayDialogAsync. The calendar page opens it, so that messages go dialog → page → pane.
 */
export class DialogHost {
  /** @type {Window | null} */
  #window = null;
  /** @type {number | undefined} */
  #watch;

  /** @param {string} addinOrigin @param {(type: string, data: object) => void} tell reports to the pane */
  constructor(addinOrigin, tell) {
    this.addinOrigin = addinOrigin;
    this.tell = tell;
    this.onMessage = this.onMessage.bind(this);
  }

  /** @param {string} url @param {{width?: number, height?: number}} options in percent of the screen */
  open(url, { width = 40, height = 60 }) {
    if (this.#window && !this.#window.closed)
      throw new OfficeError("DialogAlreadyOpened", "A dialog is open already.");
    if (new URL(url).origin !== this.addinOrigin)
      throw new OfficeError("DialogNotTrusted", "Not the add-in's domain.");
    const [across, down] = [screen.availWidth * width, screen.availHeight * height].map((part) => part / 100);
    this.#window = window.open(url, "_blank", `popup,width=${Math.round(across)},height=${Math.round(down)}`);
    if (!this.#window) throw new OfficeError("DialogBlocked", "The browser blocked the dialog.");
    window.addEventListener("message", this.onMessage);
    this.#watch = window.setInterval(() => this.#window?.closed && this.#ended(), 300);
  }

  /** @param {MessageEvent} event */
  onMessage({ source, origin, data }) {
    if (source !== this.#window || origin !== this.addinOrigin || data?.office !== "dialog") return;
    this.tell("dialogMessageReceived", { type: "dialogMessageReceived", message: data.message, origin });
  }

  close() {
    this.#forget();
    this.#window?.close();
    this.#window = null;
  }

  #ended() {
    this.#forget();
    this.#window = null;
    this.tell("dialogEventReceived", { type: "dialogEventReceived", error: CLOSED });
  }

  #forget() {
    window.clearInterval(this.#watch);
    window.removeEventListener("message", this.onMessage);
  }
}
