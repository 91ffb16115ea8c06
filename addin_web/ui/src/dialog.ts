/** dialog.html: signs in by redirects inside an Office dialog and hands the token to the pane. */

import { createStandardPublicClientApplication } from "@azure/msal-browser";
import { type Config, loadConfig } from "./config";
import { loadOffice } from "./host";
import { showMessage } from "./message";
import { msalConfiguration, signInProblem, toSession } from "./signin/accounts";
import type { DialogMessage } from "./signin/dialog";

async function signIn(config: Config): Promise<void> {
  const { auth } = msalConfiguration(config, new URL("auth.html", location.href).href);
  // Entra otherwise cuts the tie to the opening window, which then never hears of the sign-in (error 12006): the
  // check must not look at the Outlook window that opened this one, which is of another origin.
  const client = await createStandardPublicClientApplication({ auth: { ...auth, originCheck: false } });
  const result = await client.handleRedirectPromise();
  if (result !== null) tell({ kind: "session", session: toSession(result) });
  else await client.acquireTokenRedirect({ scopes: [...config.tokenScopes] });
}

function tell(message: DialogMessage): void {
  Office.context.ui.messageParent(JSON.stringify(message));
}

async function main(): Promise<void> {
  const config = await loadConfig();
  await loadOffice(config.officeJsUrl);
  try {
    await signIn(config);
  } catch (error) {
    const { code, detail } = signInProblem(error);
    tell({ kind: "failed", code, detail });
  }
}

main().catch(() => {
  showMessage("signInUnavailable");
});
