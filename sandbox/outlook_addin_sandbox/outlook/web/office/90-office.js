// @ts-check
/** The global `Office`, and getting ready. */

const office = {
  ...enums,
  MailboxEnums: mailboxEnums,
  context: /** @type {any} */ ({}),
  actions: {
    associate: (/** @type {string} */ name, /** @type {Function} */ action) =>
      void associated.set(name, action),
  },
  onReady: (/** @type {(info: object) => void} */ callback) => {
    if (callback) ready.then(callback);
    return ready;
  },
  /** Replaced by add-ins that were written before onReady. */
  initialize: (/** @type {string} */ _reason) => {},
};

/** @type {Map<string, Function>} functions behind ribbon buttons without a pane */
const associated = new Map();

async function readyInPane() {
  const context = await callHost("context.init");
  office.context = makeContext(context);
  if (office.context.requirements.isSetSupported("NestedAppAuth", "1.1")) {
    Object.assign(window, { nestedAppAuthBridge: new NestedAppAuthBridge() });
  }
  return { host: "Outlook", platform: context.platform };
}

/** A dialog knows messageParent and isSetSupported only. */
async function readyInDialog() {
  office.context = { ui: { messageParent }, requirements: makeRequirements({ DialogApi: "1.2" }) };
  return { host: "Outlook", platform: "OfficeOnline" };
}

async function readyInTab() {
  return { host: null, platform: null };
}

/** @type {Promise<{host: string | null, platform: string | null}>} */
const ready = { pane: readyInPane, dialog: readyInDialog, tab: readyInTab }[place]();
ready.then(() => office.initialize("documentOpened"));

Object.assign(window, { Office: office });
