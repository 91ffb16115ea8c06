// @ts-check
/**
 * The page's server.
 *
 * @typedef {{id: string, name: string, address: string}} Agent
 * @typedef {{agents: Agent[], addin: {id: string | null, url: string}, visitorsCanJoin: boolean}} Setup
 * @typedef {{id: string, subject: string, start: string, end: string, isAllDay: boolean, timeZone: string,
 *   location: string, body: string, attendees: string[], sensitivity: string, isCancelled: boolean,
 *   seriesId: string | null, recurrence: import("./repeats.js").Recurrence | null,
 *   invitedBy: string, customProperties: Record<string, any>}} CalendarEvent a series as a whole has a recurrence, an occurrence a seriesId
 */

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>} rejected with an Error whose message can be shown
 */
async function request(method, path, body) {
  const response = await fetch(`/api${path}`, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const answer = response.headers.get("Content-Type")?.startsWith("application/json")
    ? await response.json()
    : null;
  if (!response.ok) throw new Error(answer?.error ?? `The calendar answered ${response.status}.`);
  return answer;
}

/** @param {string} agent @param {string} [event] */
const eventsPath = (agent, event) => `/agents/${agent}/events${event ? `/${encodeURIComponent(event)}` : ""}`;

export const api = {
  /** @returns {Promise<Setup>} */
  setup: () => request("GET", "/setup"),
  /** @param {string} agent @param {object} fields @returns {Promise<{id: string}>} */
  create: (agent, fields) => request("POST", eventsPath(agent), fields),
  /** @param {string} agent @param {string} event @param {object} changes */
  update: (agent, event, changes) => request("PATCH", eventsPath(agent, event), changes),
  /** @param {string} agent @param {string} event */
  remove: (agent, event) => request("DELETE", eventsPath(agent, event)),
  /** @param {string} agent @param {string} event */
  restore: (agent, event) => request("POST", `${eventsPath(agent, event)}/restore`),
  /** @param {string} agent @param {string} event one of the deleted items */
  purge: (agent, event) => request("DELETE", `/agents/${agent}/deleted/${encodeURIComponent(event)}`),
  /** @param {string} agent @param {object} wish */
  naaToken: (agent, wish) => request("POST", `/agents/${agent}/naa`, wish),
  /** @param {string} conversation */
  visitorJoins: (conversation) =>
    request("POST", `/conversations/${encodeURIComponent(conversation)}/visitor`),
};

/**
 * Follow an agent's live topics until the returned function is called.
 *
 * @param {string} agent
 * @param {Record<string, (message: {value?: any, error?: string}) => void>} topics
 */
export function follow(agent, topics) {
  const source = new EventSource(`/api/agents/${agent}/stream`);
  for (const [topic, show] of Object.entries(topics)) {
    source.addEventListener(topic, (event) => show(JSON.parse(/** @type {MessageEvent} */ (event).data)));
  }
  return () => source.close();
}
