// @ts-check
import { el, find } from "./dom.js";

const SECONDS = 20;
/** @type {number | undefined} */
let timer;

/**
 * Say something at the bottom of the page; the next one takes its place.
 *
 * @param {string} text
 * @param {{name: string, act: () => void}} [action] such as an undo
 */
export function toast(text, action) {
  const root = find("#toast");
  window.clearTimeout(timer);
  const hide = () => root.replaceChildren();
  const act = () => {
    hide();
    action?.act();
  };
  root.replaceChildren(
    el(
      "div",
      { class: "toast" },
      text,
      action ? el("button", { type: "button", onclick: act }, action.name) : null,
    ),
  );
  timer = window.setTimeout(hide, action ? SECONDS * 1000 : 4000);
}
