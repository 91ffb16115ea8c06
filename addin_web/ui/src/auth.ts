/** auth.html, the registered redirect URI: hands the sign-in's answer to the page that asked for it. */

import { broadcastResponseToMainFrame } from "@azure/msal-browser/redirect-bridge";
import { showMessage } from "./message";

broadcastResponseToMainFrame().catch(() => {
  // Opened without an answer to hand on, for instance by hand.
  showMessage("nothingHere");
});
