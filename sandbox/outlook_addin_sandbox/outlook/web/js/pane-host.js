// @ts-check
/** The host side of Office.js: answers the calls that come from the pane's frame. */
import { zone } from "./dates.js";
import { DialogHost } from "./dialogs.js";
import { itemMethods } from "./item-methods.js";
import { makeBroker } from "./naa.js";
import { notificationMethods } from "./notification-methods.js";
import { isDark, officeTheme } from "./theme.js";

/**
 * @typedef {object} PaneWorld
 * @property {HTMLIFrameElement} frame
 * @property {string} addinUrl
 * @property {import("./draft.js").Draft} draft
 * @property {import("./profiles.js").Profile} profile
 * @property {import("./api.js").Agent} agent
 * @property {boolean} consentFirst
 * @property {() => Promise<void>} save
 * @property {() => Promise<void>} saveProperties
 * @property {() => void} closePane
 */
export class PaneHost {
  /** @param {PaneWorld} world */
  constructor(world) {
    this.world = world;
    this.origin = new URL(world.addinUrl).origin;
    this.dialog = new DialogHost(this.origin, this.tell.bind(this));
    this.broker = makeBroker(world.agent, world);
    this.methods = this.#methods();
    this.stop = new AbortController();
    this.#listen(this.stop.signal);
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    window.addEventListener("message", (event) => void this.onMessage(event), { signal });
    this.world.draft.addEventListener(
      "change",
      (event) => this.onDraftChange(/** @type {CustomEvent} */ (event)),
      { signal },
    );
    isDark.addEventListener("change", () => this.tell("officeThemeChanged", { officeTheme: officeTheme() }), {
      signal,
    });
  }

  dispose() {
    this.dialog.close();
    this.stop.abort();
  }

  /** @param {MessageEvent} event */
  async onMessage({ source, origin, data }) {
    if (source !== this.world.frame.contentWindow || origin !== this.origin || data?.office !== "call")
      return;
    const reply = await this.#answer(data.method, data.args);
    this.#post({ office: "reply", id: data.id, ...reply });
  }

  /** @param {string} type @param {object} data */
  tell(type, data) {
    this.#post({ office: "event", type, data });
  }

  /** @param {CustomEvent} event */
  onDraftChange({ detail: { names } }) {
    const { start, end } = this.world.draft.fields;
    if (names.includes("start") || names.includes("end")) {
      this.tell("olkAppointmentTimeChanged", { type: "olkAppointmentTimeChanged", start, end });
    }
    if (names.includes("recurrence")) this.tell("olkRecurrenceChanged", { type: "olkRecurrenceChanged" });
    if (names.includes("location"))
      this.tell("olkEnhancedLocationsChanged", { type: "olkEnhancedLocationsChanged" });
    if (names.includes("attendees")) this.tell("olkRecipientsChanged", { type: "olkRecipientsChanged" });
  }

  /** @param {object} message */
  #post(message) {
    this.world.frame.contentWindow?.postMessage(message, this.origin);
  }

  /** @param {string} method @param {any[]} args */
  async #answer(method, args) {
    try {
      const known = this.methods[method];
      if (!known) throw new Error(`This calendar does not know ${method}.`);
      return { value: await known(...args) };
    } catch (error) {
      const { name, code = 5001, message } = /** @type {any} */ (error);
      return { error: { name, code, message } };
    }
  }

  /** @returns {Record<string, (...args: any[]) => any>} */
  #methods() {
    const { draft, agent, closePane } = this.world;
    return {
      ...itemMethods({ ...this.world, organizer: agent }),
      ...notificationMethods(draft),
      "context.init": () => this.#context(),
      "roamingSettings.saveAsync": (settings) =>
        localStorage.setItem(this.#settingsKey, JSON.stringify(settings)),
      "ui.displayDialogAsync": (url, options) => this.dialog.open(url, options),
      "ui.closeDialog": () => this.dialog.close(),
      "ui.closeContainer": closePane,
      "naa.request": this.broker,
    };
  }

  get #settingsKey() {
    return `roaming-settings/${this.world.agent.id}`;
  }

  #context() {
    const { profile, agent } = this.world;
    return {
      displayLanguage: navigator.language,
      platform: profile.platform,
      timeZone: zone(),
      seriesId: this.world.draft.series?.id ?? null,
      officeTheme: officeTheme(),
      requirementSets: {
        Mailbox: profile.mailbox,
        DialogApi: "1.2",
        ...(profile.naa && { NestedAppAuth: "1.1" }),
      },
      roamingSettings: JSON.parse(localStorage.getItem(this.#settingsKey) ?? "{}"),
      diagnostics: { hostName: profile.hostName, hostVersion: "16.0.0.0" },
      userProfile: {
        displayName: agent.name,
        emailAddress: agent.address,
        timeZone: windowsZone(zone()),
        accountType: "office365",
      },
    };
  }
}

/** Windows names of the zones where this is likely to be clicked (Unicode CLDR, windowsZones). */
const WINDOWS_ZONES = {
  "Europe/Zurich": "W. Europe Standard Time",
  "Europe/Berlin": "W. Europe Standard Time",
  "Europe/Vienna": "W. Europe Standard Time",
  "Europe/Paris": "Romance Standard Time",
  "Europe/London": "GMT Standard Time",
  "America/New_York": "Eastern Standard Time",
  "America/Los_Angeles": "Pacific Standard Time",
};

/** @param {string} name */
const windowsZone = (name) => WINDOWS_ZONES[/** @type {keyof typeof WINDOWS_ZONES} */ (name)] ?? "UTC";
