/*
 * The only way in which anything comes onto the page: elements and attributes are named by this program, every text of a run
 * becomes a text node or an attribute's value. The policy of the file (trusted types) refuses any other way.
 */

export type Child = Node | string | false | undefined;

interface Props {
  readonly [name: string]: string | number | boolean | undefined | ((event: never) => void);
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...shown(children));
  return element;
}

function shown(children: readonly Child[]): readonly (Node | string)[] {
  return children.filter((child): child is Node | string => child !== false && child !== undefined);
}

export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...shown(children));
}

/** 1234567 → `1,234,567`. */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** A text for screen readers only. */
export function spoken(text: string): HTMLElement {
  return h("span", { class: "spoken" }, text);
}
