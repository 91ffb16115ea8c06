// @ts-check
/** Questions that index.html holds as dialogs. */
import { find } from "./dom.js";

/**
 * @param {string} id of the dialog
 * @returns {Promise<string>} value of the pressed button; empty after Escape
 */
function ask(id) {
  const dialog = /** @type {HTMLDialogElement} */ (find(`#${id}`));
  // Browsers differ in whether Escape leaves the former answer.
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

export const confirmDiscard = async () => (await ask("discard")) === "discard";

/** @returns {Promise<string>} "occurrence", "series" or "keep" */
export const askWhatToDelete = async () => (await ask("delete-which")) || "keep";
