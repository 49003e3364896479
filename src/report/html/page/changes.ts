import { type Child, h, number, plural } from "./dom.ts";
import { badge, cellLink, type Page, section } from "./parts.ts";

/** Cells of one kind of change that are listed. */
const listed = 40;

/** What is not as it was in the run that this one is compared with; access that was gained first. */
export function changes(page: Page): Child {
  const { model } = page;
  const { against } = model.data;
  if (against === null) return undefined;
  const groups: Record<string, number[]> = {
    "now failing": [],
    "no longer failing": [],
    "other verdict": [],
    "same verdict, other rows": [],
    "new cells": [],
  };
  for (let cell = 0; cell < model.size; cell += 1) {
    if (!model.hasChanged(cell)) continue;
    groups[kindOf(page, cell)]?.push(cell);
  }
  const shown = Object.entries(groups).filter(([, cells]) => cells.length > 0);
  const same = shown.length === 0 && against.gone.length === 0;
  return section(
    "changes",
    "What changed",
    h(
      "p",
      { class: "means" },
      `Compared with ${against.title}, run ${against.id} of ${against.finishedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC")}.`,
    ),
    same && h("p", { class: "none" }, `Nothing changed in ${plural(model.size, "cell")}.`),
    ...shown.map(([kind, cells]) => changeCard(page, kind, cells)),
    against.gone.length > 0 &&
      h(
        "details",
        { class: "group dim" },
        h(
          "summary",
          {},
          `${plural(against.gone.length, "cell")} of the other run ${against.gone.length === 1 ? "is" : "are"} not in this one`,
        ),
        h(
          "ul",
          { class: "others" },
          ...against.gone
            .slice(0, listed * 5)
            .map((one) => h("li", {}, badge(model.verdictAt(one.verdict)), ` ${one.name}`)),
        ),
      ),
  );
}

function kindOf({ model }: Page, cell: number): string {
  const before = model.data.against?.verdict[cell] ?? -1;
  if (before === -1) return "new cells";
  const failed = model.verdictAt(before).failing;
  if (before === model.data.cells.verdict[cell]) return "same verdict, other rows";
  if (failed === model.verdict(cell).failing) return "other verdict";
  return failed ? "no longer failing" : "now failing";
}

function changeCard(page: Page, kind: string, cells: readonly number[]): HTMLElement {
  const { model } = page;
  const { against } = model.data;
  const rows = cells.slice(0, listed).map((cell) => {
    const before = against?.verdict[cell] ?? -1;
    return h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        cellLink(page, cell, `${model.persona(cell)} · ${model.relation(cell)} · ${model.operation(cell)}`),
      ),
      h("td", {}, before === -1 ? "not probed" : badge(model.verdictAt(before))),
      h("td", {}, badge(model.verdict(cell), model.isWaived(cell))),
      h("td", {}, whatText(page, cell)),
    );
  });
  const left = cells.length - rows.length;
  const isBad = kind === "now failing" || cells.some((cell) => model.isFailing(cell));
  return h(
    "article",
    { class: `group ${isBad ? "bad" : "dim"}` },
    h("h3", {}, `${number(cells.length)} ${kind}`),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": kind },
      h(
        "table",
        { "aria-label": kind },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...["Cell", "Before", "Now", "Rows, before → now"].map((head) => h("th", { scope: "col" }, head)),
          ),
        ),
        h("tbody", {}, ...rows),
      ),
    ),
    left > 0 &&
      h("p", { class: "more" }, `… and ${number(left)} more: filter the cells by verdict “changed”.`),
  );
}

function whatText({ model }: Page, cell: number): string {
  const texts = model.data.channels.flatMap((name, channel) => {
    const [before, now] = [model.before(cell, channel), model.answer(cell, channel)];
    if (before === undefined || now === undefined || before.what === now.what) return [];
    return [`${name}: ${model.text(before.what)} → ${model.text(now.what)}`];
  });
  return texts.join("; ");
}
