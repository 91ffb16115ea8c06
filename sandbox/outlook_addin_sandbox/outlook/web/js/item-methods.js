// @ts-check
/** The Office.js calls on the open appointment; each reads or changes the form, none the mailbox but saving. */
import { OfficeError, atMost } from "./office-error.js";
import { officeRecurrence } from "./repeats.js";
import { escapeHtml, plainText, sanitize } from "./sanitize.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./profiles.js").Profile} Profile
 * @typedef {{draft: Draft, profile: Profile, organizer: {name: string, address: string},
 *   save: () => Promise<void>, saveProperties: () => Promise<void>}} ItemHost
 * @typedef {Record<string, (...args: any[]) => any>} Methods
 */

const TEXT_LIMIT = 255;
const BODY_LIMIT = 1_000_000;
const PROPERTIES_LIMIT = 2_500;

/** @param {string} location several stand in one line @returns {string[]} */
const locations = (location) =>
  location
    .split(";")
    .map((one) => one.trim())
    .filter(Boolean);

/** @param {any} value */
function asDate(value) {
  if (!(value instanceof Date) || Number.isNaN(value.getTime()))
    throw new OfficeError("InvalidFormatError", "Not a date.");
  return value;
}

/** @param {ItemHost} host @returns {Methods} */
const textMethods = ({ draft }) => ({
  "subject.getAsync": () => draft.fields.subject,
  "subject.setAsync": (text) => draft.set({ subject: atMost(text, TEXT_LIMIT, "A subject") }, "addin"),
  "location.getAsync": () => draft.fields.location,
  "location.setAsync": (text) => draft.set({ location: atMost(text, TEXT_LIMIT, "A location") }, "addin"),
  "enhancedLocation.getAsync": () =>
    locations(draft.fields.location).map((id) => ({
      locationIdentifier: { id, type: "custom" },
      displayName: id,
      emailAddress: "",
    })),
  "enhancedLocation.addAsync": (/** @type {{id: string}[]} */ added) => {
    const all = new Set([...locations(draft.fields.location), ...added.map(({ id }) => id)]);
    draft.set({ location: atMost([...all].join("; "), TEXT_LIMIT, "A location") }, "addin");
  },
  "enhancedLocation.removeAsync": (/** @type {{id: string}[]} */ removed) => {
    const gone = new Set(removed.map(({ id }) => id));
    draft.set(
      {
        location: locations(draft.fields.location)
          .filter((one) => !gone.has(one))
          .join("; "),
      },
      "addin",
    );
  },
});

/** @param {ItemHost} host @returns {Methods} */
const timeMethods = ({ draft }) => ({
  "start.getAsync": () => draft.fields.start,
  "start.setAsync": (value) => draft.setStart(asDate(value), "addin"),
  "end.getAsync": () => draft.fields.end,
  "end.setAsync": (value) => {
    if (asDate(value) < draft.fields.start)
      throw new OfficeError("InvalidEndTime", "The end is before the start.");
    draft.set({ end: value }, "addin");
  },
  "recurrence.getAsync": () =>
    officeRecurrence(draft.series?.recurrence ?? draft.fields.recurrence, draft.fields.start),
});

/** @param {ItemHost} host @returns {Methods} */
const peopleMethods = ({ draft, organizer }) => ({
  "organizer.getAsync": () => ({ displayName: organizer.name, emailAddress: organizer.address }),
  "requiredAttendees.getAsync": () =>
    draft.fields.attendees.map((emailAddress) => ({
      emailAddress,
      displayName: emailAddress,
      recipientType: "externalUser",
      appointmentResponse: "none",
    })),
  "optionalAttendees.getAsync": () => [],
});

/** @param {ItemHost} host @returns {Methods} */
function bodyMethods({ draft, profile }) {
  /** @param {string} data @param {{coercionType?: string}} options */
  const html = (data, { coercionType = "text" }) => {
    atMost(data, BODY_LIMIT, "A body");
    return coercionType === "html" ? sanitize(data, { prefixIds: profile.prefixesIds }) : escapeHtml(data);
  };
  return {
    "body.getTypeAsync": () => "html",
    "body.getAsync": (coercion) => {
      if (coercion === "html") return draft.fields.body;
      if (coercion === "text") return plainText(draft.fields.body);
      throw new OfficeError("UnsupportedDataType", "The coercion type is neither text nor html.");
    },
    "body.setAsync": (data, options) => draft.set({ body: html(data, options) }, "addin"),
    "body.prependAsync": (data, options) =>
      draft.set({ body: html(data, options) + draft.fields.body }, "addin"),
  };
}

/** @param {ItemHost} host @returns {Methods} */
const propertyMethods = ({ draft, profile, saveProperties }) => ({
  "customProperties.load": () => draft.customProperties,
  "customProperties.saveAsync": async (properties) => {
    atMost(JSON.stringify(properties), PROPERTIES_LIMIT, "An add-in's custom properties");
    draft.propertySaves += 1;
    if (profile.firstPropertySaveFails && draft.isNew && draft.propertySaves === 1) {
      throw new OfficeError("ErrorInvalidIdMalformedException", "Id is malformed.");
    }
    draft.setProperties(properties);
    if (!draft.isNew && !profile.propertiesWaitForSave) await saveProperties();
  },
});

/** @param {ItemHost} host @returns {Methods} */
function sessionMethods({ draft }) {
  /** @param {string} key */
  const known = (key) => {
    if (!(key in draft.sessionData))
      throw new OfficeError("KeyNotFound", "The session data has no such key.");
    return draft.sessionData[key];
  };
  return {
    "sessionData.getAsync": known,
    "sessionData.setAsync": (key, value) => {
      draft.sessionData[key] = atMost(value, 50_000, "Session data");
    },
    "sessionData.removeAsync": (key) => void (known(key), delete draft.sessionData[key]),
    "sessionData.getAllAsync": () => ({ ...draft.sessionData }),
    "sessionData.clearAsync": () => void (draft.sessionData = {}),
  };
}

/** @param {ItemHost} host @returns {Methods} */
function savingMethods({ draft, save }) {
  /** @returns {string} the EWS form of the id */
  const itemId = () => {
    if (draft.id === null) throw new OfficeError("ItemNotSaved", "The item was not saved yet.");
    return draft.id.replaceAll("-", "/").replaceAll("_", "+");
  };
  return {
    "item.getItemIdAsync": itemId,
    "item.saveAsync": async () => {
      await save();
      return itemId();
    },
    "item.getSharedPropertiesAsync": () => {
      throw new OfficeError("OperationNotSupported", "The item is not in a shared folder.");
    },
  };
}

/** @param {ItemHost} host @returns {Methods} */
export const itemMethods = (host) => ({
  ...textMethods(host),
  ...timeMethods(host),
  ...peopleMethods(host),
  ...bodyMethods(host),
  ...propertyMethods(host),
  ...sessionMethods(host),
  ...savingMethods(host),
});
