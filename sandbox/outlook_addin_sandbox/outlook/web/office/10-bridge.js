// @ts-check
/**
 * The way from an add-in's page to the calendar page and back, by postMessage.
 *
 * Where this script came from is the only origin it talks to.
 *
 * @typedef {{name: string, code: number, message: string}} OfficeError
 * @typedef {(data: any) => void} HostEventListener
 */

const hostOrigin = new URL(/** @type {HTMLScriptElement} */ (document.currentScript).src).origin;

/** Where the add-in's page runs: framed beside a form, opened by displayDialogAsync, or by itself in a tab. */
const place = window.parent !== window ? "pane" : window.opener ? "dialog" : "tab";

/** @type {Map<number, {resolve: (value: any) => void, reject: (error: OfficeError) => void}>} */
const waiting = new Map();
/** @type {Map<string, Set<HostEventListener>>} */
const hostListeners = new Map();
let lastCall = 0;

/**
 * @param {string} method name in the host's table, such as `subject.getAsync`
 * @param {...any} args values that survive structured cloning
 * @returns {Promise<any>} rejected with an {@link OfficeError}
 */
function callHost(method, ...args) {
  lastCall += 1;
  const id = lastCall;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    window.parent.postMessage({ office: "call", id, method, args }, hostOrigin);
  });
}

/** @param {string} type @param {HostEventListener} listener */
function onHostEvent(type, listener) {
  const listeners = hostListeners.get(type) ?? new Set();
  hostListeners.set(type, listeners.add(listener));
}

/** @param {string} type @param {HostEventListener} [listener] all of that type when missing */
function offHostEvent(type, listener) {
  if (listener) hostListeners.get(type)?.delete(listener);
  else hostListeners.delete(type);
}

window.addEventListener("message", ({ origin, source, data }) => {
  if (origin !== hostOrigin || source !== window.parent) return;
  if (data?.office === "event") {
    for (const listener of [...(hostListeners.get(data.type) ?? [])]) listener(data.data);
  }
  if (data?.office !== "reply") return;
  const caller = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.error) caller?.reject(data.error);
  else caller?.resolve(data.value);
});
