/**
 * What can go wrong, by what the agent can do about it.
 *
 * Every failure that reaches the screen is a `Problem`: its code chooses the sentence, its detail is shown under
 * "Details" and goes to the log. Neither ever holds a token, an address, a subject or a name.
 */

export type ProblemCode =
  | "configInvalid"
  | "officeMissing"
  | "outlook"
  | "signInBlocked"
  | "signInBusy"
  | "signInCancelled"
  | "signInIgnored"
  | "signInRefused"
  | "unauthorized"
  | "denied"
  | "rejected"
  | "throttled"
  | "unreachable"
  | "server"
  | "publicLinkMissing"
  | "unexpected";

export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
  }
}

/** Any thrown value as a Problem. Unknown errors give only the name of their class: messages may hold personal data. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = error instanceof Error ? error.name : typeof error;
  return new Problem("unexpected", detail, { cause: error });
}
