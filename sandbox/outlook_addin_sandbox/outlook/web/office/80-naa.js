// @ts-check
/** The broker that MSAL's nestable client talks to (nested app authentication). */

class NestedAppAuthBridge {
  constructor() {
    /** @type {Set<(message: {data: string}) => void>} */
    this.listeners = new Set();
  }

  /** @param {string} type @param {(message: {data: string}) => void} listener */
  addEventListener(type, listener) {
    if (type === "message") this.listeners.add(listener);
  }

  /** @param {string} _type @param {(message: {data: string}) => void} listener */
  removeEventListener(_type, listener) {
    this.listeners.delete(listener);
  }

  /** @param {string} json a NestedAppAuthRequest */
  postMessage(json) {
    const request = JSON.parse(json);
    callHost("naa.request", request).then(
      (answer) => this.reply(request, { success: true, ...answer }),
      (error) =>
        this.reply(request, { success: false, error: { status: error.name, description: error.message } }),
    );
  }

  /** @param {{requestId: string}} request @param {object} answer */
  reply({ requestId }, answer) {
    const data = JSON.stringify({ messageType: "NestedAppAuthResponse", requestId, ...answer });
    for (const listener of [...this.listeners]) listener({ data });
  }
}
