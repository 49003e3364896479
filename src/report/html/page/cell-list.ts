import { fill, h, number, plural } from "./dom.ts";
import { badge, cellLink, type Page, section } from "./parts.ts";

/** As style.css has it. */
const rowHeight = 36;
const beyond = 12;
const heads = [
  "Verdict",
  "Persona",
  "Relation",
  "Operation",
  "Declared",
  "Channels",
  "Evidence",
  "Declared at",
];

/**
 * Every cell that the filters leave. Only the visible rows are in the document; a switch puts all of them there, for print,
 * for the browser's own search and for screen readers that read a table by itself.
 */
export function cellList(page: Page): {
  readonly element: HTMLElement;
  readonly shown: () => readonly number[];
  readonly setPlain: (plain: boolean) => void;
  readonly isPlain: () => boolean;
} {
  const { model, store } = page;
  let cells: readonly number[] = model.matching(store.state.filters);
  let plain = false;
  let active = 0;
  const body = h("tbody");
  const top = spacer();
  const bottom = spacer();
  const table = h(
    "table",
    { role: "grid", "aria-label": "Cells" },
    h("thead", {}, h("tr", { "aria-rowindex": 1 }, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    body,
  );
  const view = h("div", { class: "scroll list", tabindex: -1, scroll: () => draw() }, table);
  const none = h("p", { class: "none" }, "No cell matches the filters.");
  let drawn = "";

  function draw(force = false): void {
    const [from, to] = range();
    const key = `${from}-${to}`;
    if (!force && key === drawn) return;
    drawn = key;
    const focused = body.contains(document.activeElement);
    // When the row with the focus goes, the browser lays out what is left, and scrolls back to where that ends.
    const { scrollTop } = view;
    set(top, from * rowHeight);
    set(bottom, (cells.length - to) * rowHeight);
    const rows = cells
      .slice(from, to)
      .map((cell, index) => row(page, cell, from + index, from + index === active));
    fill(body, from > 0 && top, ...rows, to < cells.length && bottom);
    if (view.scrollTop !== scrollTop) view.scrollTop = scrollTop;
    if (focused) focusActive();
  }

  function range(): readonly [from: number, to: number] {
    if (plain) return [0, cells.length];
    const first = Math.max(Math.floor(view.scrollTop / rowHeight) - beyond, 0);
    const count = Math.ceil((view.clientHeight || 600) / rowHeight) + 2 * beyond;
    return [first, Math.min(first + count, cells.length)];
  }

  function refresh(): void {
    cells = model.matching(store.state.filters);
    active = 0;
    view.scrollTop = 0;
    table.setAttribute("aria-rowcount", String(cells.length + 1));
    view.hidden = cells.length === 0;
    none.hidden = cells.length > 0;
    draw(true);
  }

  function focusActive(): void {
    body.querySelector<HTMLElement>(`[aria-rowindex="${active + 2}"] a`)?.focus({ preventScroll: !plain });
  }

  table.addEventListener("focusin", (event) => {
    const index = (event.target as Element).closest("tr")?.getAttribute("aria-rowindex");
    if (index != null && Number(index) >= 2) active = Number(index) - 2;
  });
  table.addEventListener("keydown", (event) => {
    const screenful = Math.max(Math.floor(view.clientHeight / rowHeight) - 2, 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + screenful,
      PageUp: active - screenful,
      Home: 0,
      End: cells.length - 1,
    };
    const wanted = steps[event.key];
    if (wanted === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    active = Math.min(Math.max(wanted, 0), cells.length - 1);
    if (!plain) scrollTo();
    draw(true);
    focusActive();
  });

  function scrollTo(): void {
    const above = active * rowHeight;
    const room = view.clientHeight - 2 * rowHeight;
    if (above < view.scrollTop) view.scrollTop = above;
    else if (above > view.scrollTop + room) view.scrollTop = above - room;
  }

  const toggle = h("input", { type: "checkbox", id: "plain", change: () => setPlain(toggle.checked) });
  function setPlain(next: boolean): void {
    plain = next;
    toggle.checked = next;
    view.classList.toggle("plain", next);
    draw(true);
    page.announce(
      next ? `All ${number(cells.length)} rows are in the table.` : "Only the visible rows are in the table.",
    );
  }

  store.onChange((state, before) => {
    if (state.filters !== before.filters) refresh();
  });
  refresh();
  new ResizeObserver(() => draw()).observe(view);
  const element = section(
    "cells",
    "Cells",
    h(
      "p",
      { class: "hint" },
      h(
        "label",
        {},
        toggle,
        " Plain table (every row in the document, for search, copying and screen readers)",
      ),
    ),
    view,
    none,
  );
  return { element, shown: () => cells, setPlain, isPlain: () => plain };
}

/** Holds the place of the rows above or below. */
function spacer(): HTMLElement {
  return h("tr", { class: "spacer", "aria-hidden": "true" }, h("td", { colspan: heads.length }));
}

function set(of: HTMLElement, height: number): void {
  (of.firstElementChild as HTMLElement).style.height = `${height}px`;
}

function row(page: Page, cell: number, index: number, isActive: boolean): HTMLElement {
  const { model } = page;
  const { data } = model;
  const link = cellLink(page, cell, model.persona(cell));
  link.setAttribute("tabindex", isActive ? "0" : "-1");
  return h(
    "tr",
    { "aria-rowindex": index + 2 },
    h("td", {}, badge(model.verdict(cell), model.isWaived(cell))),
    h("td", {}, link),
    h("td", {}, model.relation(cell)),
    h("td", {}, model.operation(cell)),
    h("td", {}, model.text(data.cells.declared[cell])),
    h("td", {}, channelsText(page, cell)),
    h("td", {}, data.evidences[model.evidence(cell)]?.short ?? ""),
    h("td", { class: "at" }, model.text(data.cells.at[cell]).replace(/^.*\//, "")),
  );
}

/** `direct, rest`; with their verdicts where these are not the cell's. */
function channelsText({ model }: Page, cell: number): string {
  const own = model.data.cells.verdict[cell];
  const asked = model.data.channels.flatMap((name, channel) => {
    const verdict = model.answer(cell, channel)?.verdict;
    if (verdict === undefined) return [];
    return [verdict === own ? name : `${name} ${model.verdictAt(verdict).name}`];
  });
  return asked.length === 0 ? plural(0, "channel") : asked.join(", ");
}
