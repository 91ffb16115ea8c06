// @ts-check
/** Moving events with the pointer, and stretching them by their lower edge; in steps of a quarter hour. */

const STEP = 15;
const THRESHOLD = 4;
const DAY = 24 * 60;

/**
 * @typedef {object} DragActions
 * @property {(id: string) => boolean} isEnabled
 * @property {(id: string, days: number, minutes: number, grows: boolean) => void} dropped
 * @property {() => void} ended
 * @typedef {{id: string, block: HTMLElement, grows: boolean, x: number, y: number, days: number, minutes: number,
 *   moved: boolean}} Drag
 *
 * @param {HTMLElement} root the week
 * @param {DragActions} actions
 */
export function dragging(root, actions) {
  /** @type {Drag | null} */
  let drag = null;
  let dragged = false;

  /** @param {PointerEvent} event */
  function begin(event) {
    dragged = false;
    const target = /** @type {HTMLElement} */ (event.target);
    const block = /** @type {HTMLElement | null} */ (target.closest(".day .event"));
    const id = block?.dataset.event;
    if (!block || !id || event.button !== 0 || !actions.isEnabled(id)) return;
    const grows = target.classList.contains("grip");
    drag = { id, block, grows, x: event.clientX, y: event.clientY, days: 0, minutes: 0, moved: false };
    block.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  function move(event) {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.hypot(dx, dy) > THRESHOLD;
    if (!drag.moved) return;
    const { width, height } = /** @type {HTMLElement} */ (drag.block.parentElement).getBoundingClientRect();
    drag.days = drag.grows ? 0 : Math.round(dx / width);
    drag.minutes = Math.round(((dy / height) * DAY) / STEP) * STEP;
    drag.block.classList.add(drag.grows ? "growing" : "moving");
    drag.block.style.setProperty("--dx", `${drag.days * width}px`);
    drag.block.style.setProperty("--shift", String(drag.minutes));
  }

  function end() {
    if (!drag) return;
    const { id, days, minutes, grows, moved } = drag;
    drag = null;
    dragged = moved;
    if (moved) {
      actions.dropped(id, days, minutes, grows);
      actions.ended();
    }
  }

  function cancel() {
    drag = null;
    dragged = true;
    actions.ended();
  }

  root.addEventListener("pointerdown", begin);
  root.addEventListener("pointermove", move);
  root.addEventListener("pointerup", end);
  root.addEventListener("pointercancel", cancel);
  window.addEventListener("keydown", (event) => drag && event.key === "Escape" && cancel());
  return { isActive: () => drag !== null, wasClick: () => !dragged };
}
