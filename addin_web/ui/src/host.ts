/**
 * Office.js as promises.
 *
 * Office.js answers through callbacks with a status; `call` turns a failed status into a `HostError` that keeps the
 * documented name and number (learn.microsoft.com/javascript/api/office/office.error).
 */

import { Problem } from "./problem";

export class HostError extends Problem {
  constructor(
    readonly operation: string,
    readonly errorName: string,
    readonly errorCode: number,
  ) {
    super("outlook", `${operation} ${errorName} ${errorCode}`);
  }
}

export async function call<T>(
  operation: string,
  start: (callback: (result: Office.AsyncResult<T>) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((result) => {
      // The documented value: hosts differ in how much of the Office enums they carry.
      if (String(result.status) === "succeeded") resolve(result.value);
      else reject(new HostError(operation, result.error.name, result.error.code));
    });
  });
}

/**
 * Load office.js and wait until it knows where it runs.
 *
 * Returns the host, or null outside of Office. Office.onReady comes first in any case: before it the bridge for
 * nested sign-in does not exist. Raises `Problem` officeMissing.
 */
export async function loadOffice(url: string): Promise<Office.HostType | null> {
  const pushState = history.pushState.bind(history);
  const replaceState = history.replaceState.bind(history);
  await loadScript(url);
  const info: { readonly host: Office.HostType | null } = await Office.onReady();
  // office.js sets both to null; MSAL wants them.
  Object.assign(history, { pushState, replaceState });
  return info.host;
}

async function loadScript(url: string): Promise<void> {
  const script = document.createElement("script");
  script.src = url;
  return new Promise((resolve, reject) => {
    script.addEventListener("load", () => {
      resolve();
    });
    script.addEventListener("error", () => {
      reject(new Problem("officeMissing", new URL(url).host));
    });
    document.head.append(script);
  });
}

export function supportsMailbox(version: string): boolean {
  return Office.context.requirements.isSetSupported("Mailbox", version);
}

/** Nested app authentication: the host signs in for the add-in, without any window of our own. */
export function offersNestedSignIn(): boolean {
  return "nestedAppAuthBridge" in window && Office.context.requirements.isSetSupported("NestedAppAuth", "1.1");
}

/** A moment as the mailbox's own wall clock shows it, packed into a Date whose UTC fields are that wall clock. */
export function wallClock(moment: Date): Date {
  const local = Office.context.mailbox.convertToLocalClientTime(moment);
  return new Date(Date.UTC(local.year, local.month, local.date, local.hours, local.minutes));
}

/** True for a dark Office theme, null where Office does not tell. */
export function darkTheme(theme: Office.OfficeTheme | undefined): boolean | null {
  const match = /^#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/iu.exec(theme?.bodyBackgroundColor ?? "");
  if (match === null) return null;
  const [red, green, blue] = match.slice(1).map((part) => Number.parseInt(part, 16)) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
}
