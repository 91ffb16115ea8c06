// @ts-check
/** Brokering tokens for the pane: the person is signed in to the calendar already. */
import { api } from "./api.js";
import { OfficeError } from "./office-error.js";

/**
 * @param {import("./api.js").Agent} agent
 * @param {{consentFirst: boolean}} options with consentFirst a silent request is refused until a popup was asked for
 */
export function makeBroker(agent, { consentFirst }) {
  let consented = !consentFirst;
  /** @type {Record<string, any> | undefined} */
  let account;

  /** @param {Record<string, any>} wish MSAL's tokenParams */
  async function token(wish) {
    const answer = await api.naaToken(agent.id, wish).catch((error) => {
      throw new OfficeError("PERSISTENT_ERROR", error.message);
    });
    account = answer.account;
    return answer;
  }

  const initContext = () => ({
    initContext: {
      sdkName: "outlook-addin-sandbox",
      sdkVersion: "1.0.0",
      capabilities: { queryAccount: true },
      accountContext: account,
    },
  });

  /** @param {{method: string, tokenParams: Record<string, any>}} request */
  return async function answer({ method, tokenParams }) {
    if (method === "GetInitContext") return initContext();
    if (method === "GetTokenPopup") consented = true;
    else if (method !== "GetToken") throw new OfficeError("PERSISTENT_ERROR", `Unknown method ${method}.`);
    if (!consented) throw new OfficeError("USER_INTERACTION_REQUIRED", "The agent must agree first.");
    return token(tokenParams);
  };
}
