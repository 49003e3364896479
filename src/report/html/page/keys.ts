import { h } from "./dom.ts";

export interface Key {
  readonly key: string;
  readonly does: string;
  readonly run: () => void;
}

const fixed: readonly (readonly [string, string])[] = [
  ["Tab", "the next control; one stop in the matrix, one in the list of cells"],
  ["← → ↑ ↓ Home End", "within the matrix, or from row to row in the list"],
  ["Page Down, Page Up", "a screen further in the list"],
  ["Enter", "open the cell"],
  ["Esc", "close it"],
];

/** Single keys, and the help that lists them. They can be switched off, for those who speak to their browser. */
export function keys(own: readonly Key[]): {
  readonly element: HTMLDialogElement;
  readonly show: () => void;
} {
  const on = h("input", { type: "checkbox", checked: true, id: "single-keys" });
  const dialog = h(
    "dialog",
    { class: "help", "aria-labelledby": "keys-title" },
    h("h2", { id: "keys-title", tabindex: -1, autofocus: true }, "Keys"),
    h(
      "dl",
      { class: "key-list" },
      ...[...fixed, ...own.map(({ key, does }) => [key, does] as const)].flatMap(([key, does]) => [
        h("dt", {}, h("kbd", {}, key)),
        h("dd", {}, does),
      ]),
    ),
    h("p", {}, h("label", {}, on, " Single keys act (Tab, arrows, Enter and Esc always do)")),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  addEventListener("keydown", (event) => {
    if (!on.checked || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const found = own.find(({ key }) => key === event.key);
    if (found === undefined) return;
    event.preventDefault();
    found.run();
  });
  return { element: dialog, show: () => dialog.showModal() };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input[type=search], select, textarea");
}
