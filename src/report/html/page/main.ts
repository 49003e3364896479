import type { PageData } from "../data.ts";
import { cellList } from "./cell-list.ts";
import { readData } from "./data.ts";
import { changes } from "./changes.ts";
import { detail } from "./detail.ts";
import { fill, h } from "./dom.ts";
import { failures, findingCard } from "./failures.ts";
import { filterBar } from "./filters.ts";
import { heatMap } from "./heat-map.ts";
import { keys } from "./keys.ts";
import { Model } from "./model.ts";
import { type Page, section } from "./parts.ts";
import { Store } from "./state.ts";
import { header, summary, totals } from "./summary.ts";
import { themeButton } from "./theme.ts";

function build(data: PageData): void {
  const model = new Model(data);
  const live = h("p", { class: "spoken", role: "status", "aria-live": "polite" });
  const page: Page = { model, store: new Store(), announce: (text) => fill(live, text) };
  document.title = `${data.word}: ${data.title} – rowgate`;

  const map = heatMap(page);
  const list = cellList(page);
  const opened = detail(page, list.shown);
  const theme = themeButton(page.announce);
  const notes = data.findings.filter(({ tone }) => tone !== "bad");
  const parts = [
    ...(data.against === null ? [] : [["changes", "Changes"] as const]),
    ["failures", "Failed"] as const,
    ["matrix", "Matrix"] as const,
    ["cells", "Cells"] as const,
    ...(notes.length > 0 ? [["notes", "Notes"] as const] : []),
    ["run", "Run"] as const,
  ];
  const help = keys([
    { key: "?", does: "this list", run: () => help.show() },
    {
      key: "/",
      does: "find cells by persona, relation or operation",
      run: () => document.getElementById("find")?.focus(),
    },
    ...parts.map(([id, label]) => ({ key: keyOf[id], does: `go to ${label}`, run: () => goTo(id) })),
    { key: "j", does: "open the next cell of those that the filters leave", run: () => opened.step(1) },
    { key: "k", does: "open the one before", run: () => opened.step(-1) },
    { key: "p", does: "plain table: every row in the document", run: () => list.setPlain(!list.isPlain()) },
    { key: "t", does: "light, dark, or as the system says", run: () => theme.click() },
  ]);
  fill(
    document.body,
    h("a", { class: "skip", href: "#main", click: (event: Event) => skip(event) }, "Skip to what failed"),
    header(
      model,
      theme,
      h("button", { type: "button", click: () => print() }, "Print"),
      h("button", { type: "button", click: () => help.show(), "aria-keyshortcuts": "?" }, "Keys"),
    ),
    h(
      "nav",
      { "aria-label": "Parts of the report" },
      ...parts.map(([id, label]) =>
        h("a", { href: `#${id}`, click: (event: Event) => (event.preventDefault(), goTo(id)) }, label),
      ),
    ),
    h(
      "main",
      { id: "main", tabindex: -1 },
      summary(page),
      filterBar(page),
      changes(page) ?? "",
      failures(page),
      map.element,
      list.element,
      notes.length > 0 ? section("notes", "Notes", ...notes.map(findingCard)) : "",
      runPart(data),
    ),
    h(
      "footer",
      {},
      `rowgate ${data.rowgate} · run ${data.id} · this file holds row keys and claims of the database: show it to those who may see them`,
    ),
    opened.element,
    help.element,
    live,
  );
  printWhole(list, map.showAll);
  // The table of ids, before a cell of many is opened.
  setTimeout(() => model.cellOf(""), 200);

  function skip(event: Event): void {
    event.preventDefault();
    goTo("failures");
  }
}

function goTo(id: string): void {
  document.getElementById(id)?.scrollIntoView();
  document.getElementById(`${id}-title`)?.focus({ preventScroll: true });
}

const keyOf = { changes: "d", failures: "f", matrix: "m", cells: "c", notes: "n", run: "r" } as const;

function runPart(data: PageData): HTMLElement {
  return section(
    "run",
    "Run",
    totals(data.totals),
    data.waivedRelations.length > 0
      ? h("h3", {}, "Relations and functions that the matrix waives: not probed")
      : "",
    h("ul", { class: "facts" }, ...data.waivedRelations.map((text) => h("li", {}, text))),
  );
}

/** What is folded or scrolled away is printed too. */
function printWhole(list: ReturnType<typeof cellList>, showAll: () => void): void {
  let wasPlain = false;
  let closed: HTMLDetailsElement[] = [];
  addEventListener("beforeprint", () => {
    wasPlain = list.isPlain();
    closed = [...document.querySelectorAll<HTMLDetailsElement>("details:not([open])")];
    for (const one of closed) one.open = true;
    showAll();
    list.setPlain(true);
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
    list.setPlain(wasPlain);
  });
}

readData<PageData>().then(build, (cause: unknown) => {
  const why = cause instanceof Error ? cause.message : String(cause);
  fill(
    document.body,
    h(
      "p",
      { class: "doubt", role: "alert" },
      `This report cannot be shown: ${why}. Its block of data is damaged, or the browser is too old (DecompressionStream).`,
    ),
  );
});
