// @ts-check

/** @param {string} have @param {string} want versions such as "1.10" */
function atLeast(have, want) {
  const [haveMajor, haveMinor] = have.split(".").map(Number);
  const [wantMajor, wantMinor] = want.split(".").map(Number);
  return haveMajor > wantMajor || (haveMajor === wantMajor && haveMinor >= (wantMinor || 0));
}

/** @param {Record<string, string>} sets highest version by requirement set */
function makeRequirements(sets) {
  const lower = Object.fromEntries(
    Object.entries(sets).map(([name, version]) => [name.toLowerCase(), version]),
  );
  return {
    isSetSupported: (/** @type {string} */ name, /** @type {string} */ version = "1.1") =>
      name.toLowerCase() in lower && atLeast(lower[name.toLowerCase()], String(version)),
  };
}

/** @param {Record<string, any>} stored */
function makeRoamingSettings(stored) {
  const settings = { ...stored };
  return {
    get: (/** @type {string} */ name) => settings[name],
    set: (/** @type {string} */ name, /** @type {any} */ value) => void (settings[name] = value),
    remove: (/** @type {string} */ name) => void delete settings[name],
    saveAsync: (/** @type {any[]} */ ...rest) =>
      settle(callHost("roamingSettings.saveAsync", settings), rest),
  };
}

/** @param {any} context what the host tells at the start */
function makeContext(context) {
  const made = {
    displayLanguage: context.displayLanguage,
    contentLanguage: context.displayLanguage,
    host: "Outlook",
    platform: context.platform,
    diagnostics: { host: "Outlook", platform: context.platform, version: context.diagnostics.hostVersion },
    officeTheme: context.officeTheme,
    requirements: makeRequirements(context.requirementSets),
    roamingSettings: makeRoamingSettings(context.roamingSettings),
    mailbox: makeMailbox(context),
    ui,
  };
  onHostEvent("officeThemeChanged", ({ officeTheme }) => void (made.officeTheme = officeTheme));
  return made;
}
