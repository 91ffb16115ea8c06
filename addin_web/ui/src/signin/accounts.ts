/** What the two ways to sign in have in common: MSAL's settings, results and errors in our terms. */

import type { AuthenticationResult, Configuration } from "@azure/msal-browser";
import { type Config, knownAuthorities } from "../config";
import { identityOf, type Session } from "../credentials";
import { isObject, stringOf } from "../json";
import { Problem, type ProblemCode } from "../problem";

export function msalConfiguration(config: Config, redirectUri: string): Configuration {
  const { clientId, authority } = config;
  return { auth: { clientId, authority, knownAuthorities: knownAuthorities(authority), redirectUri } };
}

export function toSession(result: AuthenticationResult): Session {
  const account = { tenantId: result.tenantId, objectId: result.uniqueId };
  return {
    accessToken: result.accessToken,
    identity: identityOf(result.accessToken, account),
    expires: result.expiresOn?.getTime() ?? 0,
  };
}

const CODES: Readonly<Record<string, ProblemCode>> = {
  user_cancelled: "signInCancelled",
  popup_window_error: "signInBlocked",
  empty_window_error: "signInBlocked",
  interaction_in_progress: "signInBusy",
  no_network_connectivity: "unreachable",
  post_request_failed: "unreachable",
  network_error: "unreachable",
};

/** MSAL tells errors apart by `errorCode`; its messages are links or hold account data, save for AADSTS numbers. */
export function signInProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (!(error instanceof Error)) return new Problem("signInRefused", "unknown", { cause: error });
  const fields: unknown = error;
  const code = isObject(fields) ? (stringOf(fields, "errorCode") ?? error.name) : error.name;
  const text = isObject(fields) ? `${stringOf(fields, "errorMessage") ?? ""} ${error.message}` : error.message;
  const number = /AADSTS\d+/u.exec(text)?.[0];
  const detail = number === undefined ? `msal ${code}` : `msal ${code} ${number}`;
  return new Problem(CODES[code] ?? "signInRefused", detail, { cause: error });
}
