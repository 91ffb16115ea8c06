// @ts-check

/**
 * A moment as the clock on the mailbox's wall shows it.
 *
 * @param {Date} moment
 * @param {string} zone IANA name
 */
function toLocalClientTime(moment, zone) {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const part = Object.fromEntries(
    format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]),
  );
  const wall = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  return {
    year: part.year,
    month: part.month - 1,
    date: part.day,
    hours: part.hour,
    minutes: part.minute,
    seconds: part.second,
    milliseconds: moment.getMilliseconds(),
    timezoneOffset: Math.round((wall - moment.getTime()) / 60_000),
  };
}

/** EWS ids and REST ids differ in two characters. */
const toRestId = (/** @type {string} */ id) => id.replaceAll("/", "-").replaceAll("+", "_");
const toEwsId = (/** @type {string} */ id) => id.replaceAll("-", "/").replaceAll("_", "+");

/** @param {any} context what the host tells at the start */
function makeMailbox(context) {
  return {
    userProfile: context.userProfile,
    diagnostics: context.diagnostics,
    item: makeItem(context),
    convertToLocalClientTime: (/** @type {Date} */ moment) => toLocalClientTime(moment, context.timeZone),
    convertToRestId: toRestId,
    convertToEwsId: toEwsId,
    addHandlerAsync: addItemHandler,
    removeHandlerAsync: removeItemHandler,
  };
}
