/**
 * The invitation in the event's body: one marked block that can be found again.
 *
 * In HTML the mark is the block's id, which carries the link's UUID; Outlook puts `x_` before ids when it reads a body
 * back, once per round. In plain text the mark is the block's first line. Everything here is text in, text out:
 * clients rewrite HTML freely, and a parse and print of the whole body would change what the agent wrote.
 *
 * Words of the bank's own stand before and after the block, never in it: whatever links they hold, the first one after
 * the mark is the block's.
 */

const MARK = "outlook-addin-unblu-";
const TEXT_MARK = "[Unblu Conversation]";

const HTML_BLOCK = new RegExp(`<[a-z][^<>]*\\bid\\s*=\\s*["']?(?:x_)*${MARK}([0-9a-f-]{36})`, "iu");
const HREF = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/iu;
const TEXT_MARKS = /\[(Unblu Conversation)\]/gu;
const TEXT_BLOCK = /\[Unblu Conversation\]\s+[^\n]*?(https?:\/\/[^\s>]+)/u;

/** How far after its mark a block's own link can be. */
const BLOCK_REACH = 4000;

export type BodyType = "html" | "text";

export interface Block {
  /** Only HTML carries it. */
  readonly uuid: string | null;
  readonly url: string | null;
}

export interface Invitation {
  readonly title: string;
  readonly join: string;
  /** Plain text around the block; `{link}` marks the block's place, its end if there is none. */
  readonly text: string | null;
}

export function renderInvitation(type: BodyType, uuid: string, url: string, invitation: Invitation): string {
  const [before = "", ...after] = (invitation.text ?? "").split("{link}");
  const block = type === "html" ? htmlBlock(uuid, url, invitation) : `${TEXT_MARK}\n${invitation.join}: ${url}\n\n`;
  const words = type === "html" ? htmlParagraphs : textParagraphs;
  return `${words(before)}${block}${words(after.join(""))}${type === "html" ? "<br>" : ""}`;
}

function htmlBlock(uuid: string, url: string, { title, join }: Invitation): string {
  const link = `<a href="${escapeHtml(url)}">${escapeHtml(join)}</a>`;
  return `<div id="${MARK}${uuid}"><p><b>${escapeHtml(title)}</b><br>${link}</p></div>`;
}

function htmlParagraphs(text: string): string {
  return paragraphs(text).map((paragraph) => `<p>${escapeHtml(paragraph).replaceAll("\n", "<br>")}</p>`).join("");
}

/** The mark must stand at the block and nowhere else. */
function textParagraphs(text: string): string {
  return paragraphs(text.replaceAll(TEXT_MARKS, "($1)")).map((paragraph) => `${paragraph}\n\n`).join("");
}

function paragraphs(text: string): string[] {
  return text.replaceAll(/\r\n?/gu, "\n").split(/\n[^\S\n]*\n/u).map((each) => each.trim()).filter((each) => each !== "");
}

export function findBlock(type: BodyType, body: string): Block | null {
  return type === "html" ? findHtmlBlock(body) : findTextBlock(body);
}

/** Whether the body leads to the conversation, by our block or by a link that somebody pasted. */
export function leadsTo(type: BodyType, body: string, uuid: string, url: string): boolean {
  const block = findBlock(type, body);
  if (block?.uuid?.toLowerCase() === uuid) return block.url !== null;
  return (type === "html" ? unescapeHtml(body) : body).includes(url);
}

/** The body with its block pointing at another conversation; every other character stays. */
export function relink(type: BodyType, body: string, block: Block, uuid: string, url: string): string {
  const write = type === "html" ? escapeHtml : (text: string) => text;
  let result = body;
  if (block.url !== null) {
    for (const former of new Set([write(block.url), block.url])) result = result.replaceAll(former, () => write(url));
  }
  return block.uuid === null ? result : result.replaceAll(`${MARK}${block.uuid}`, `${MARK}${uuid}`);
}

function findHtmlBlock(body: string): Block | null {
  const mark = HTML_BLOCK.exec(body);
  if (mark === null) return null;
  const href = HREF.exec(body.slice(mark.index, mark.index + BLOCK_REACH));
  const url = href?.[1] ?? href?.[2];
  return { uuid: mark[1] ?? null, url: url === undefined ? null : unescapeHtml(url) };
}

function findTextBlock(body: string): Block | null {
  const match = TEXT_BLOCK.exec(body);
  return match === null ? null : { uuid: null, url: match[1] ?? null };
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function unescapeHtml(text: string): string {
  return text.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
