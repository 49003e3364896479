import type { VerdictView } from "../data.ts";
import { type Child, h } from "./dom.ts";
import type { Model } from "./model.ts";
import type { Store } from "./state.ts";
import { writeState } from "./state.ts";

/** What every part of the page is given. */
export interface Page {
  readonly model: Model;
  readonly store: Store;
  /** Said by screen readers. */
  readonly announce: (text: string) => void;
}

export function badge({ head, tone }: Pick<VerdictView, "head" | "tone">, waived = false): HTMLElement {
  return h("span", { class: `badge ${waived ? "warn" : tone}` }, waived ? `${head}, waived` : head);
}

/** A link to a cell: it can be copied, and opened in another tab. */
export function cellLink({ store, model }: Page, cell: number, ...children: readonly Child[]): HTMLElement {
  const id = model.id(cell);
  return h(
    "a",
    {
      href: `${document.URL.split("#")[0]}${writeState({ filters: store.state.filters, cell: id })}`,
      click: (event: MouseEvent) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        store.open(id);
      },
    },
    ...children,
  );
}

/** A heading and what belongs to it, as a landmark. */
export function section(id: string, title: string, ...children: readonly Child[]): HTMLElement {
  return h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title`, tabindex: -1 }, title),
    ...children,
  );
}

/** Text to paste, and a button that copies it. */
export function paste(page: Page, label: string, text: string): HTMLElement {
  const code = h("code", {}, text);
  const block = h("pre", { tabindex: 0, role: "group", "aria-label": label }, code);
  const copy = async (): Promise<void> => {
    getSelection()?.selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(text);
      page.announce(`Copied: ${label}.`);
    } catch {
      page.announce("Selected: copy it with the keyboard.");
    }
  };
  return h(
    "div",
    { class: "paste" },
    h(
      "div",
      { class: "paste-head" },
      h("h4", {}, label),
      h("button", { type: "button", click: () => void copy() }, "Copy"),
    ),
    block,
  );
}
