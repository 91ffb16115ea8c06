// @ts-check
/**
 * How the clients of Outlook differ, as far as an add-in notices (learn.microsoft.com, requirement sets; the
 * failures are field reports about those clients).
 *
 * @typedef {object} Profile
 * @property {string} title
 * @property {string} hostName mailbox.diagnostics.hostName
 * @property {string} platform
 * @property {string} mailbox highest Mailbox requirement set
 * @property {boolean} naa nested app authentication
 * @property {boolean} prefixesIds ids in the body come back as x_…
 * @property {boolean} propertiesWaitForSave custom properties persist only with the item
 * @property {boolean} firstPropertySaveFails on an item that was never saved
 */

/** @type {Record<string, Profile>} */
const profiles = {
  web: {
    title: "Web",
    hostName: "OutlookWebApp",
    platform: "OfficeOnline",
    mailbox: "1.16",
    naa: true,
    prefixesIds: true,
    propertiesWaitForSave: false,
    firstPropertySaveFails: false,
  },
  new: {
    title: "New for Windows",
    hostName: "newOutlookWindows",
    platform: "OfficeOnline",
    mailbox: "1.16",
    naa: true,
    prefixesIds: true,
    propertiesWaitForSave: false,
    firstPropertySaveFails: true,
  },
  classic: {
    title: "Classic for Windows",
    hostName: "Outlook",
    platform: "PC",
    mailbox: "1.16",
    naa: true,
    prefixesIds: false,
    propertiesWaitForSave: true,
    firstPropertySaveFails: false,
  },
  noNaa: {
    title: "Without nested app authentication",
    hostName: "Outlook",
    platform: "PC",
    mailbox: "1.9",
    naa: false,
    prefixesIds: false,
    propertiesWaitForSave: true,
    firstPropertySaveFails: false,
  },
};

/** @param {string | null} name of the query parameter `client` @returns {Profile} */
export const profileNamed = (name) => profiles[name ?? "web"] ?? profiles.web;
