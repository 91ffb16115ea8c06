// @ts-check
/** Week arithmetic in the browser's zone, and how dates are written. */

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {Date} date */
export const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** @param {Date} date @param {number} days counted in calendar days, so that summer time does not matter */
export const addDays = (date, days) =>
  new Date(date.getFullYear(), date.getMonth(), date.getDate() + days, date.getHours(), date.getMinutes());

/** @param {Date} date @returns {Date} Monday, midnight */
export const startOfWeek = (date) => addDays(startOfDay(date), -((date.getDay() + 6) % 7));

/** @param {Date} date minutes since midnight on the wall clock */
export const minuteOfDay = (date) => date.getHours() * 60 + date.getMinutes();

/** @param {Date} one @param {Date} other */
export const sameDay = (one, other) => startOfDay(one).getTime() === startOfDay(other).getTime();

/** @param {Intl.DateTimeFormatOptions} options */
const format = (options) => {
  const formatter = new Intl.DateTimeFormat("en-GB", options);
  return (/** @type {Date} */ date) => formatter.format(date);
};

export const clock = format({ hour: "2-digit", minute: "2-digit" });
export const weekday = format({ weekday: "short" });
export const longDay = format({ weekday: "long", day: "numeric", month: "long" });
export const shortDay = format({ weekday: "short", day: "numeric", month: "short" });

/** @param {Date} monday */
export function weekTitle(monday) {
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" }).formatRange(
    monday,
    addDays(monday, 6),
  );
}

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/** @param {Date} date @param {boolean} dayOnly value for an input of type date or datetime-local */
export function inputValue(date, dayOnly) {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return dayOnly ? day : `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** @param {string} value of such an input @returns {Date | null} */
export function fromInput(value) {
  const date = new Date(value.includes("T") ? value : `${value}T00:00`);
  return Number.isNaN(date.getTime()) ? null : date;
}
