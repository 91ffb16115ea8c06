/** Who is signed in, and the access token that says so. Kept in memory only. */

import { isObject, stringOf } from "./json";
import type { Identity } from "./link";

export interface Session {
  readonly accessToken: string;
  readonly identity: Identity;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

export interface SignIn {
  readonly method: "nested" | "dialog";
  /** Without any window; null when that needs the agent. */
  silent(refresh: boolean): Promise<Session | null>;
  /** May show a window. Raises `Problem` signIn…. */
  interactive(): Promise<Session>;
}

/** A token is not used in its last minute: the call it goes with takes time as well. */
const MARGIN = 60_000;

export class Credentials {
  #session: Session | null = null;

  constructor(
    private readonly signIn: SignIn,
    private readonly now: () => number,
  ) {}

  /** The session at hand or one got without asking; null when the agent must act. */
  async current(): Promise<Session | null> {
    if (this.#session !== null && this.#session.expires - MARGIN > this.now()) return this.#session;
    this.#session = await this.signIn.silent(false);
    return this.#session;
  }

  async obtain(): Promise<Session> {
    return (await this.current()) ?? (this.#session = await this.signIn.interactive());
  }

  /** Another token after one was refused. */
  async renew(): Promise<Session> {
    this.#session = (await this.signIn.silent(true)) ?? (await this.signIn.interactive());
    return this.#session;
  }
}

/**
 * Tenant and user as the server will read them from the token, else as the account states them.
 *
 * An access token is opaque to a client in general; this one is issued for the add-in itself, and the mailbox's key
 * must be the same on both sides.
 */
export function identityOf(accessToken: string, account: Identity): Identity {
  const claims = readClaims(accessToken);
  return {
    tenantId: (claims.tenantId ?? account.tenantId).toLowerCase(),
    objectId: (claims.objectId ?? account.objectId).toLowerCase(),
  };
}

function readClaims(token: string): { tenantId?: string | null; objectId?: string | null } {
  const payload = token.split(".")[1] ?? "";
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(claims) ? { tenantId: stringOf(claims, "tid"), objectId: stringOf(claims, "oid") } : {};
  } catch {
    return {};
  }
}
