// @ts-check
/** HTML from mailboxes and add-ins, as a mail client lets it through. */

const REMOVED = "script, style, iframe, object, embed, form, input, button, svg, link, meta, base";
const SAFE_LINK = /^(https?:|mailto:|tel:)/i;

/** @param {Element} element */
function cleanAttributes(element) {
  for (const { name, value } of [...element.attributes]) {
    const isLink = name === "href" || name === "src";
    if (name.startsWith("on") || (isLink && !SAFE_LINK.test(value) && !value.startsWith("data:image/"))) {
      element.removeAttribute(name);
    }
  }
}

/** @param {Element} element */
function prefixId(element) {
  if (element.id && !element.id.startsWith("x_")) element.id = `x_${element.id}`;
}

/**
 * @param {string} html
 * @param {{prefixIds: boolean}} options Outlook on the web renames ids, so that they cannot meet its own
 * @returns {string} HTML that cannot run scripts
 */
export function sanitize(html, { prefixIds }) {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const element of body.querySelectorAll(REMOVED)) element.remove();
  for (const element of body.querySelectorAll("*")) {
    cleanAttributes(element);
    if (prefixIds) prefixId(element);
  }
  return body.innerHTML;
}

/** @param {string} html */
export function plainText(html) {
  const { body } = new DOMParser().parseFromString(
    html.replace(/<(br|\/p|\/div|\/li)\b[^>]*>/gi, "$&\n"),
    "text/html",
  );
  return (body.textContent ?? "").trim();
}

/** @param {string} text */
export function escapeHtml(text) {
  const holder = document.createElement("div");
  holder.textContent = text;
  return holder.innerHTML.replaceAll("\n", "<br>");
}
