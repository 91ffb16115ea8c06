// @ts-check
/** Dialogs, and closing the pane. The host opens the window, so that a dialog's opener is the host's page. */

/** The object that displayDialogAsync hands out; handlers of an earlier dialog are not its own. */
function makeDialog() {
  offHostEvent(enums.EventType.DialogMessageReceived);
  offHostEvent(enums.EventType.DialogEventReceived);
  return {
    addEventHandler: onHostEvent,
    close: () => void callHost("ui.closeDialog"),
    messageChild: (/** @type {string} */ message) => void callHost("ui.messageChild", message),
  };
}

/** @param {string} url @param {...any} rest */
function displayDialog(url, ...rest) {
  settle(callHost("ui.displayDialogAsync", String(url), splitRest(rest).options).then(makeDialog), rest);
}

/** @param {string} message @param {{targetOrigin?: string}} [options] */
function messageParent(message, options) {
  const payload = { office: "dialog", message: String(message), targetOrigin: options?.targetOrigin };
  window.opener?.postMessage(payload, hostOrigin);
}

const ui = {
  displayDialogAsync: displayDialog,
  messageParent,
  closeContainer: () => void callHost("ui.closeContainer"),
  openBrowserWindow: (/** @type {string} */ url) => void window.open(url, "_blank", "noopener"),
};
