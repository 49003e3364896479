import type { PageData } from "../data.ts";
import { h, number, plural } from "./dom.ts";
import { badge, type Page } from "./parts.ts";

export function header({ data }: { readonly data: PageData }, ...tools: readonly HTMLElement[]): HTMLElement {
  const [first = "", ...facts] = data.facts;
  return h(
    "header",
    { class: "top" },
    h(
      "div",
      { class: "title" },
      h(
        "p",
        { class: "mark" },
        "rowgate",
        h("span", {}, data.finishedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC")),
      ),
      h("h1", {}, badge({ head: data.word, tone: data.tone }), " ", data.title),
      h("p", { class: "lead" }, first),
      facts.length > 0 && h("p", { class: "facts" }, facts.join(" · ")),
    ),
    h("div", { class: "tools" }, ...tools),
  );
}

/** How many cells got each verdict, and what the passes rest on: each count is a filter. */
export function summary(page: Page): HTMLElement {
  const { data } = page.model;
  return h(
    "section",
    { id: "summary", "aria-label": "Totals" },
    data.doubt !== "" &&
      h("p", { class: "doubt", role: "alert" }, `This archive is not believed: ${data.doubt}`),
    h("div", { class: "panels" }, verdictPanel(page), evidencePanel(page)),
  );
}

/** The rest is below, with the run. */
const shownAbove = new Set(["target", "skipped", "gateway"]);

/** Texts of one label below one another. */
export function totals(entries: PageData["totals"]): HTMLElement {
  const list = h("dl", { class: "totals" });
  for (const [label, text] of entries) {
    if (label !== "") list.append(h("dt", {}, label.trim()));
    list.append(h("dd", {}, text));
  }
  return list;
}

function verdictPanel(page: Page): HTMLElement {
  const { data } = page.model;
  const order = [...data.failureOrder, page.model.passed, ...data.verdicts.keys()];
  const shown = [...new Set(order)].flatMap((place) => {
    const verdict = data.verdicts[place];
    return verdict === undefined || verdict.cells === 0 ? [] : [verdict];
  });
  const waived = data.verdicts.reduce((sum, one) => sum + one.waived, 0);
  return h(
    "div",
    { class: "panel" },
    h("h2", {}, plural(page.model.size, "cell")),
    shown.length === 0 && h("p", { class: "none" }, "No cell was probed."),
    h(
      "ul",
      { class: "counts" },
      ...shown.map((verdict) =>
        h(
          "li",
          {},
          countButton(
            page,
            { verdict: verdict.name },
            verdict.cells,
            verdict.head.toLowerCase(),
            verdict.tone,
          ),
          h("span", { class: "means" }, verdict.means),
        ),
      ),
      waived > 0 &&
        h(
          "li",
          {},
          countButton(page, { verdict: "waived" }, waived, "waived", "warn"),
          h(
            "span",
            { class: "means" },
            "failed, and a waiver in the matrix covers it; among the counts above",
          ),
        ),
    ),
    totals(data.totals.filter(([label]) => shownAbove.has(label))),
  );
}

function countButton(
  { store }: Page,
  filter: { readonly verdict: string } | { readonly evidence: string },
  count: number,
  label: string,
  tone: string,
): HTMLElement {
  const button = h(
    "button",
    { type: "button", class: `count ${tone}`, click: () => store.filter(isOn() ? cleared : filter) },
    h("b", {}, number(count)),
    ` ${label}`,
  );
  const [[key, value] = ["", ""]] = Object.entries(filter);
  const cleared = { [key]: "" };
  const isOn = (): boolean => store.state.filters[key as "verdict"] === value;
  const show = (): void => button.setAttribute("aria-pressed", String(isOn()));
  store.onChange(show);
  show();
  return button;
}

function evidencePanel(page: Page): HTMLElement {
  const { evidences, verdicts } = page.model.data;
  const known = evidences.reduce((sum, { cells }) => sum + cells, 0);
  const passed = verdicts[page.model.passed]?.cells ?? 0;
  const bar = h("div", { class: "bar", "aria-hidden": "true" });
  evidences.forEach(({ cells }, rank) => {
    if (cells === 0) return;
    const part = h("span", { class: "rank" });
    part.style.flexGrow = String(cells);
    part.style.setProperty("--rank", share(rank, evidences.length));
    bar.append(part);
  });
  return h(
    "div",
    { class: "panel" },
    h("h2", {}, `What ${plural(passed, "pass rests", "passes rest")} on`),
    passed > known && h("p", { class: "none" }, "The archive does not say it of all of them."),
    known > 0 && bar,
    h(
      "ul",
      { class: "counts" },
      ...evidences.map((one, rank) => {
        if (one.cells === 0) return false;
        const key = h("span", { class: "rank key" }, String(rank + 1));
        key.style.setProperty("--rank", share(rank, evidences.length));
        return h(
          "li",
          {},
          h(
            "span",
            { class: "keyed" },
            key,
            countButton(page, { evidence: one.name }, one.cells, one.short, "plain"),
          ),
          h("span", { class: "means" }, one.means),
        );
      }),
    ),
  );
}

/** 0 the strongest, 1 the weakest. */
export function share(rank: number, of: number): string {
  return String(of < 2 ? 0 : rank / (of - 1));
}
