/**
 * Signing in through an Office dialog, for hosts without nested app authentication.
 *
 * The dialog (dialog.html) is a top-level window of our origin that signs in by redirects and hands the token back by
 * `messageParent`: storage may be partitioned between the two, so nothing else reaches the pane.
 */

import type { Session, SignIn } from "../credentials";
import { isObject, numberOf, stringOf } from "../json";
import { Problem, type ProblemCode } from "../problem";

/** What dialog.html sends. */
export type DialogMessage =
  | { readonly kind: "session"; readonly session: Session }
  | { readonly kind: "failed"; readonly code: ProblemCode; readonly detail: string };

/** learn.microsoft.com, "Handle errors and events in the Office dialog box". */
const CODES: Readonly<Record<number, ProblemCode>> = {
  12006: "signInCancelled",
  12007: "signInBusy",
  12009: "signInIgnored",
  12011: "signInBlocked",
};

export function dialogProblem(code: number): Problem {
  return new Problem(CODES[code] ?? "signInRefused", `dialog ${code}`);
}

export function dialogSignIn(dialogUrl: string, ui: () => Office.UI): SignIn {
  return {
    method: "dialog",
    // There is nothing to ask without a window: what the dialog's storage knows is out of reach.
    silent: async () => Promise.resolve(null),
    interactive: async () => converse(await openDialog(dialogUrl, ui())),
  };
}

async function openDialog(url: string, ui: Office.UI): Promise<Office.Dialog> {
  return new Promise((resolve, reject) => {
    // The options object is made anew each time: some hosts write into it.
    ui.displayDialogAsync(url, { height: 60, width: 35, displayInIframe: false }, (result) => {
      if (String(result.status) === "succeeded") resolve(result.value);
      else reject(dialogProblem(result.error.code));
    });
  });
}

async function converse(dialog: Office.Dialog): Promise<Session> {
  return new Promise((resolve, reject) => {
    // The enum's values, spelled out: hosts differ in how much of Office.EventType they carry.
    const [message, event] = ["dialogMessageReceived", "dialogEventReceived"] as unknown as Office.EventType[];
    if (message === undefined || event === undefined) return;
    dialog.addEventHandler(message, (received) => {
      dialog.close();
      const answer = "message" in received ? parseMessage(received.message, received.origin) : null;
      if (answer?.kind === "session") resolve(answer.session);
      else reject(new Problem(answer?.code ?? "signInRefused", answer?.detail ?? "dialog message"));
    });
    dialog.addEventHandler(event, (received) => {
      reject(dialogProblem("error" in received ? received.error : 0));
    });
  });
}

/** Null for anything that is not ours. Hosts that tell the sender's origin must tell our own. */
export function parseMessage(text: string, origin: string | undefined): DialogMessage | null {
  if (origin !== undefined && origin !== location.origin) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(json)) return null;
  if (json["kind"] === "failed") {
    const code = (stringOf(json, "code") ?? "signInRefused") as ProblemCode;
    return { kind: "failed", code, detail: (stringOf(json, "detail") ?? "").slice(0, 200) };
  }
  return json["kind"] === "session" ? parseSession(json["session"]) : null;
}

function parseSession(json: unknown): DialogMessage | null {
  if (!isObject(json) || !isObject(json["identity"])) return null;
  const accessToken = stringOf(json, "accessToken");
  const expires = numberOf(json, "expires");
  const tenantId = stringOf(json["identity"], "tenantId");
  const objectId = stringOf(json["identity"], "objectId");
  if (accessToken === null || expires === null || tenantId === null || objectId === null) return null;
  return { kind: "session", session: { accessToken, expires, identity: { tenantId, objectId } } };
}
