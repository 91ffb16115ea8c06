// @ts-check
/** Messages that an add-in shows above the form, with Outlook's limits. */
import { OfficeError, atMost } from "./office-error.js";

const MOST = 5;
const TYPES = ["informationalMessage", "progressIndicator", "errorMessage", "insightMessage"];

/** @param {{type: string, message: string, icon?: string, persistent?: boolean}} details */
function checked(details) {
  if (!TYPES.includes(details?.type))
    throw new OfficeError("InvalidFormatError", "Unknown type of notification.");
  atMost(details.message, 150, "A notification");
  const informs = details.type === "informationalMessage";
  if (informs !== ("icon" in details && "persistent" in details) && details.type !== "insightMessage") {
    throw new OfficeError(
      "InvalidFormatError",
      "icon and persistent belong to informational messages, and only there.",
    );
  }
  return { ...details };
}

/**
 * @param {import("./draft.js").Draft} draft
 * @returns {Record<string, (...args: any[]) => any>}
 */
export function notificationMethods(draft) {
  const shown = draft.notifications;
  const redraw = () => draft.dispatchEvent(new CustomEvent("notifications"));
  return {
    "notificationMessages.addAsync": (key, details) => {
      atMost(key, 32, "A notification's key");
      if (shown.has(key)) throw new OfficeError("DuplicateNotificationKey", "This key is in use.");
      if (shown.size >= MOST)
        throw new OfficeError("NumberOfNotificationsExceeded", `At most ${MOST} notifications.`);
      shown.set(key, { key, ...checked(details) });
      redraw();
    },
    "notificationMessages.replaceAsync": (key, details) => {
      atMost(key, 32, "A notification's key");
      shown.set(key, { key, ...checked(details) });
      redraw();
    },
    "notificationMessages.removeAsync": (key) => {
      if (!shown.delete(key))
        throw new OfficeError("NotificationKeyNotFound", "There is no such notification.");
      redraw();
    },
    "notificationMessages.getAllAsync": () => [...shown.values()],
  };
}
