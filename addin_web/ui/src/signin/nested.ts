/** Nested app authentication: Outlook signs in for the add-in (learn.microsoft.com, "Enable nested app authentication"). */

import { createNestablePublicClientApplication, InteractionRequiredAuthError } from "@azure/msal-browser";
import type { Config } from "../config";
import type { Session, SignIn } from "../credentials";
import type { Log } from "../log";
import { msalConfiguration, signInProblem, toSession } from "./accounts";

export async function nestedSignIn(config: Config, redirectUri: string, log: Log): Promise<SignIn> {
  const client = await createNestablePublicClientApplication(msalConfiguration(config, redirectUri));
  const scopes = [...config.tokenScopes];
  const account = () => client.getActiveAccount() ?? client.getAllAccounts()[0];
  return {
    method: "nested",
    async silent(forceRefresh: boolean): Promise<Session | null> {
      const known = account();
      try {
        return toSession(await client.acquireTokenSilent({ scopes, forceRefresh, ...(known && { account: known }) }));
      } catch (error) {
        // Hosts answer a silent request that they cannot serve with many different codes; all mean: ask the agent.
        const expected = error instanceof InteractionRequiredAuthError;
        log.debug("silent sign-in failed", { expected, detail: signInProblem(error).detail });
        return null;
      }
    },
    async interactive(): Promise<Session> {
      try {
        return toSession(await client.acquireTokenPopup({ scopes }));
      } catch (error) {
        throw signInProblem(error);
      }
    },
  };
}
