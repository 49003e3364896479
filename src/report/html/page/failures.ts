import type { FindingView, GroupRow, GroupView } from "../data.ts";
import { type Child, fill, h, plural } from "./dom.ts";
import { badge, cellLink, type Page, section } from "./parts.ts";

/** Rows of a group that are shown until more are asked for; a print has them all. */
const fewRows = 8;

/** What failed, grouped by cause, in the order in which a person should look. */
export function failures(page: Page): HTMLElement {
  const { data } = page.model;
  const list = h("div", { class: "groups" });
  const show = (): void => {
    const { filters } = page.store.state;
    const test = page.model.tester(filters);
    const groups = data.groups.flatMap((group) => {
      const rows = group.rows.filter(({ cell }) => test(cell));
      return rows.length === 0 ? [] : [groupCard(page, group, rows)];
    });
    fill(list, ...(groups.length === 0 ? [h("p", { class: "none" }, emptyText(page))] : groups));
  };
  page.store.onChange((state, before) => {
    if (state.filters !== before.filters) show();
  });
  show();
  return section(
    "failures",
    "What failed",
    ...data.findings.filter(({ tone }) => tone === "bad").map(findingCard),
    list,
    data.left.length > 0 && h("p", { class: "more" }, `… and ${data.left.join(", ")}: see the cells below.`),
  );
}

function emptyText({ model: { data, size } }: Page): string {
  if (data.groups.length > 0) return "No failure matches the filters.";
  if (data.findings.some(({ tone }) => tone === "bad")) return "No cell failed.";
  return size === 0 ? "No cell was probed, so nothing was proved." : "Nothing failed.";
}

function groupCard(page: Page, group: GroupView, rows: readonly GroupRow[]): HTMLElement {
  const { data } = page.model;
  const verdict = page.model.verdictAt(group.verdict);
  return h(
    "article",
    { class: `group ${verdict.tone}` },
    h("h3", {}, badge(verdict), h("span", { class: "place" }, group.place)),
    h("p", { class: "what" }, group.what),
    group.cause !== "" && h("p", { class: "cause" }, h("b", {}, "Cause "), group.cause),
    group.because !== "" && h("p", { class: "cause" }, h("b", {}, "Happened "), group.because),
    groupTable(page, group, rows),
    ...group.waivers.map((text) => h("p", { class: "waiver" }, h("b", {}, "Waiver "), text)),
    group.inForce.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, "Policies and grants in force"),
        h("ul", { class: "sql" }, ...group.inForce.map((text) => h("li", {}, text))),
      ),
    h(
      "p",
      { class: "actions" },
      h(
        "button",
        {
          type: "button",
          click: () =>
            page.store.filter({
              relation: data.relations[group.relation]?.name ?? "",
              verdict: verdict.name,
            }),
        },
        "Show only these cells",
      ),
    ),
  );
}

function groupTable(page: Page, group: GroupView, rows: readonly GroupRow[]): HTMLElement {
  const has = (field: "column" | "channel" | "did" | "beyond" | "keys" | "because"): boolean =>
    rows.some((row) => row[field] !== "");
  const heads: readonly (readonly [string, keyof GroupRow])[] = [
    ...(has("column") ? [["Column", "column"] as const] : []),
    ["Declared", "declared"],
    ...(has("channel") ? [["Channel", "channel"] as const] : []),
    ...(has("did") ? [[capital(group.countHead), "did"] as const] : []),
    ...(has("beyond") ? [[capital(group.beyondHead), "beyond"] as const] : []),
    ...(has("keys") ? [["Keys", "keys"] as const] : []),
    ...(has("because") ? [["Because", "because"] as const] : []),
    ["Declared at", "at"],
  ];
  const body = h("tbody", {}, ...rows.map((row, index) => groupRow(page, row, heads, rows[index - 1])));
  const table = h(
    "table",
    { "aria-label": `${group.place}: ${group.what}` },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ...["Persona", ...heads.map(([head]) => head)].map((head) => h("th", { scope: "col" }, head)),
      ),
    ),
    body,
  );
  return folded(table, body, rows.length, group.cells - new Set(group.rows.map(({ cell }) => cell)).size);
}

function groupRow(
  page: Page,
  row: GroupRow,
  heads: readonly (readonly [string, keyof GroupRow])[],
  before: GroupRow | undefined,
): HTMLElement {
  const name = page.model.data.personas[row.persona]?.name ?? "";
  const isSecond = before?.cell === row.cell;
  return h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      isSecond ? h("span", { class: "spoken" }, name) : cellLink(page, row.cell, name),
    ),
    ...heads.map(([, field]) =>
      h(
        "td",
        { class: field },
        isSecond && (field === "declared" || field === "at") ? "" : String(row[field]),
      ),
    ),
  );
}

/** The first rows; the others at a press of a button. */
function folded(table: HTMLElement, body: HTMLElement, rows: number, left: number): HTMLElement {
  const more = rows - fewRows;
  const all =
    left > 0
      ? h("p", { class: "more" }, `… and ${plural(left, "more cell")}: press “Show only these cells”.`)
      : undefined;
  const scroll = h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": "Cells of this group" },
    table,
  );
  if (more < 3) return h("div", {}, scroll, all);
  body.classList.add("folded");
  const button = h(
    "button",
    {
      type: "button",
      class: "unfold",
      click: () => {
        body.classList.remove("folded");
        button.remove();
        body.querySelectorAll("a")[fewRows]?.focus();
      },
    },
    `Show ${plural(more, "more row")}`,
  );
  return h("div", {}, scroll, button, all);
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

export function findingCard(finding: FindingView): HTMLElement {
  const children: readonly Child[] = [
    h(
      "h3",
      {},
      badge({ head: finding.severity.toUpperCase(), tone: finding.tone }),
      h("span", {}, finding.title),
    ),
    h("ul", { class: "facts" }, ...finding.facts.map((fact) => h("li", {}, fact))),
    h("p", { class: "cause" }, h("b", {}, "To do "), finding.todo),
  ];
  return h("article", { class: `group ${finding.tone}` }, ...children);
}
