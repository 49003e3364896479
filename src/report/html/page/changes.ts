import type { ChangeKindView } from "../data.ts";
import { type Child, h, number, plural } from "./dom.ts";
import { badge, cellLink, type Page, section } from "./parts.ts";

/** Cells of one kind of change that are listed. */
const listed = 40;

/** What is not as it was in the run that this one is compared with; access that was gained first. */
export function changes(page: Page): Child {
  const { model } = page;
  const { against } = model.data;
  if (against === null) return undefined;
  const groups = against.kinds.map((): number[] => []);
  for (let cell = 0; cell < model.size; cell += 1) groups[against.kind[cell] ?? -1]?.push(cell);
  const { leaks, rules, gone } = against;
  const same = groups.every((cells) => cells.length === 0) && leaks.length + rules.length + gone.length === 0;
  return section(
    "changes",
    "What changed",
    h(
      "p",
      { class: "means" },
      `Compared with ${against.title}, run ${against.id} of ${against.finishedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC")}.`,
    ),
    same && h("p", { class: "none" }, `Nothing changed in ${plural(model.size, "cell")}.`),
    leaks.length > 0 &&
      h(
        "article",
        { class: "group bad" },
        h("h3", {}, `${plural(leaks.length, "leak")} beside the cells that the other run did not find`),
        texts(leaks),
      ),
    ...against.kinds.map((kind, place) => changeCard(page, kind, groups[place] ?? [])),
    rules.length > 0 && folded(`${plural(rules.length, "change")} of what is in force`, texts(rules)),
    gone.length > 0 &&
      folded(
        `${plural(gone.length, "cell")} of the other run ${gone.length === 1 ? "is" : "are"} not in this one`,
        h(
          "ul",
          { class: "others" },
          ...gone
            .slice(0, listed * 5)
            .map((one) => h("li", {}, badge(model.verdictAt(one.verdict)), ` ${one.name}`)),
        ),
      ),
  );
}

function texts(all: readonly string[]): HTMLElement {
  return h("ul", { class: "sql" }, ...all.map((text) => h("li", {}, text)));
}

function folded(title: string, content: HTMLElement): HTMLElement {
  return h("details", { class: "group dim" }, h("summary", {}, title), content);
}

function changeCard(page: Page, kind: ChangeKindView, cells: readonly number[]): Child {
  if (cells.length === 0) return false;
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
      h("td", {}, against?.access[cell] ?? whatText(page, cell)),
    );
  });
  const left = cells.length - rows.length;
  return h(
    "article",
    { class: `group ${kind.bad ? "bad" : "dim"}` },
    h("h3", {}, `${number(cells.length)} ${kind.name}`),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": kind.name },
      h(
        "table",
        { "aria-label": kind.name },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...["Cell", "Before", "Now", "Access, before → now"].map((head) =>
              h("th", { scope: "col" }, head),
            ),
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
  const parts = model.data.channels.flatMap((name, channel) => {
    const [before, now] = [model.before(cell, channel), model.answer(cell, channel)];
    if (before === undefined || now === undefined || before.what === now.what) return [];
    return [`${name}: ${model.text(before.what)} → ${model.text(now.what)}`];
  });
  return parts.join("; ");
}
