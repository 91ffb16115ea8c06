// @ts-check
import { el } from "./dom.js";

const COMMANDS = [
  ["bold", "B", "Bold"],
  ["italic", "I", "Italic"],
  ["underline", "U", "Underline"],
  ["insertUnorderedList", "•", "List"],
];

/**
 * A simple rich text field. Links open with a click: in a demo they are there to be followed.
 *
 * @param {string} html clean already
 * @param {(html: string) => void} changed
 */
export function makeEditor(html, changed) {
  const text = el("div", {
    class: "editor-text",
    contenteditable: "true",
    role: "textbox",
    "aria-multiline": "true",
    "aria-label": "Description",
    "data-placeholder": "Add a description",
  });
  text.innerHTML = html;
  text.addEventListener("input", () => changed(text.innerHTML));
  text.addEventListener("click", (event) => {
    const link = /** @type {HTMLElement} */ (event.target).closest("a");
    if (link) window.open(link.href, "_blank", "noopener");
  });
  const buttons = COMMANDS.map(([command, sign, name]) =>
    el(
      "button",
      {
        type: "button",
        "aria-label": name,
        class: command,
        onmousedown: (/** @type {Event} */ e) => e.preventDefault(),
        onclick: () => document.execCommand(command),
      },
      sign,
    ),
  );
  return el(
    "div",
    { class: "editor" },
    el("div", { class: "editor-bar", role: "toolbar", "aria-label": "Formatting" }, ...buttons),
    text,
  );
}
