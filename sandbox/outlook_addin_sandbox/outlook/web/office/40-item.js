// @ts-check
/** The appointment in the organizer's form. */

/** @type {Record<string, Record<string, number>>} number of data arguments of every method */
const itemMembers = {
  subject: { getAsync: 0, setAsync: 1 },
  start: { getAsync: 0, setAsync: 1 },
  end: { getAsync: 0, setAsync: 1 },
  location: { getAsync: 0, setAsync: 1 },
  enhancedLocation: { getAsync: 0, addAsync: 1, removeAsync: 1 },
  body: { getTypeAsync: 0, getAsync: 1, setAsync: 1, prependAsync: 1 },
  organizer: { getAsync: 0 },
  recurrence: { getAsync: 0 },
  requiredAttendees: { getAsync: 0 },
  optionalAttendees: { getAsync: 0 },
  notificationMessages: { addAsync: 2, replaceAsync: 2, removeAsync: 1, getAllAsync: 0 },
  sessionData: { getAsync: 1, setAsync: 2, removeAsync: 1, getAllAsync: 0, clearAsync: 0 },
};

/**
 * Properties are edited here and leave with saveAsync, as in Outlook.
 *
 * @param {Record<string, any>} loaded
 */
function customProperties(loaded) {
  const properties = { ...loaded };
  return {
    get: (/** @type {string} */ name) => properties[name],
    getAll: () => ({ ...properties }),
    set: (/** @type {string} */ name, /** @type {any} */ value) => void (properties[name] = value),
    remove: (/** @type {string} */ name) => void delete properties[name],
    saveAsync: (/** @type {any[]} */ ...rest) =>
      settle(callHost("customProperties.saveAsync", properties), rest),
  };
}

/** @param {string} type @param {HostEventListener} handler @param {...any} rest */
function addItemHandler(type, handler, ...rest) {
  onHostEvent(type, handler);
  settle(Promise.resolve(), rest);
}

/** @param {string} type @param {...any} rest */
function removeItemHandler(type, ...rest) {
  offHostEvent(type);
  settle(Promise.resolve(), rest);
}

/** @param {{seriesId: string | null}} context */
function makeItem(context) {
  const members = Object.entries(itemMembers).map(([name, arities]) => [name, officeObject(name, arities)]);
  return {
    itemType: "appointment",
    seriesId: context.seriesId,
    ...Object.fromEntries(members),
    loadCustomPropertiesAsync: (/** @type {any[]} */ ...rest) =>
      settle(callHost("customProperties.load").then(customProperties), rest),
    saveAsync: officeMethod("item.saveAsync", 0),
    getItemIdAsync: officeMethod("item.getItemIdAsync", 0),
    getSharedPropertiesAsync: officeMethod("item.getSharedPropertiesAsync", 0),
    addHandlerAsync: addItemHandler,
    removeHandlerAsync: removeItemHandler,
  };
}
