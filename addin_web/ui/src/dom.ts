/** Making elements, typed. */

type Child = Node | string | null;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function button(label: string, style: "primary" | "secondary", onClick: () => void): HTMLButtonElement {
  const element = h("button", { type: "button", class: style }, label);
  element.addEventListener("click", onClick);
  return element;
}
