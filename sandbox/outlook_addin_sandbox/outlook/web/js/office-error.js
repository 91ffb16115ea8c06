// @ts-check
/**
 * Errors as add-ins receive them. Names are those of the Office.js documentation; Outlook's own numbers are mostly
 * undocumented, so that only those of the dialog API are to be relied on.
 */
const CODES = {
  InternalError: 5001,
  InvalidFormatError: 9002,
  InvalidEndTime: 9010,
  DataExceedsMaximumSize: 9006,
  DuplicateNotificationKey: 9023,
  NotificationKeyNotFound: 9024,
  NumberOfNotificationsExceeded: 9025,
  ItemNotSaved: 9030,
  KeyNotFound: 9043,
  ErrorInvalidIdMalformedException: 9021,
  SaveError: 9021,
  UnsupportedDataType: 1007,
  DialogNotTrusted: 12004,
  DialogNeedsHttps: 12005,
  DialogClosed: 12006,
  DialogAlreadyOpened: 12007,
  DialogBlocked: 12011,
  OperationNotSupported: 5000,
};

export class OfficeError extends Error {
  /** @param {keyof typeof CODES | string} name @param {string} message */
  constructor(name, message) {
    super(message);
    this.name = name;
    this.code = CODES[/** @type {keyof typeof CODES} */ (name)] ?? CODES.InternalError;
  }
}

/** @param {string} text @param {number} limit @param {string} what */
export function atMost(text, limit, what) {
  if (String(text).length > limit) {
    throw new OfficeError("DataExceedsMaximumSize", `${what} takes at most ${limit} characters.`);
  }
  return String(text);
}
