/** One JSON call with the agent's token; failures become Problems. */

import type { Credentials } from "./credentials";
import { isObject } from "./json";
import { Problem, type ProblemCode } from "./problem";

export interface Call {
  /** For the log and the details: never holds an id or a name. */
  readonly operation: string;
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly body?: unknown;
}

/** A refused call; `status` lets callers tell a conflict from other refusals. */
export class Refused extends Problem {
  constructor(
    code: ProblemCode,
    operation: string,
    readonly status: number,
  ) {
    super(code, `${operation} ${status}`);
  }
}

const TIMEOUT = 20_000;

/** Answers the parsed JSON object. A refused token is renewed once. Raises `Problem`. */
export async function send(call: Call, credentials: Credentials): Promise<Readonly<Record<string, unknown>>> {
  let response = await attempt(call, (await credentials.obtain()).accessToken);
  if (response.status === 401) response = await attempt(call, (await credentials.renew()).accessToken);
  if (!response.ok) throw new Refused(codeFor(response.status), call.operation, response.status);
  const json: unknown = await response.json().catch(() => null);
  if (!isObject(json)) throw new Problem("server", `${call.operation} not JSON`);
  return json;
}

async function attempt(call: Call, token: string): Promise<Response> {
  const headers = new Headers({ Authorization: `Bearer ${token}`, Accept: "application/json" });
  const init: RequestInit = { method: call.method, headers, credentials: "omit", signal: AbortSignal.timeout(TIMEOUT) };
  if (call.body !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(call.body);
  }
  try {
    return await fetch(call.url, init);
  } catch (error) {
    throw new Problem("unreachable", `${call.operation} ${new URL(call.url).host}`, { cause: error });
  }
}

function codeFor(status: number): ProblemCode {
  if (status === 401) return "unauthorized";
  if (status === 403) return "denied";
  if (status === 429) return "throttled";
  return status < 500 ? "rejected" : "server";
}
