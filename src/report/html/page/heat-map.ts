import type { SlotView } from "../data.ts";
import { type Child, fill, h, plural, spoken } from "./dom.ts";
import type { Page } from "./parts.ts";
import { pairsOf, relationsOf } from "./pairs.ts";
import { section } from "./parts.ts";
import { roving } from "./roving.ts";
import { share } from "./summary.ts";

/** Cells of the table that are drawn until all are asked for. */
const fewCells = 900;

type Mode = "access" | "evidence";

interface Chip {
  readonly letter: string;
  /** Of a verdict, next to the letter. */
  readonly mark: string;
  readonly look: string;
  readonly evidence: number;
  readonly cell: number;
}

/** Relations × personas, a letter an operation, a line for both channels or one for each. */
export function heatMap(page: Page): { readonly element: HTMLElement; readonly showAll: () => void } {
  const { model, store } = page;
  const pairs = pairsOf(page);
  const place = h("div", { class: "scroll map", tabindex: -1 });
  const more = h("p", { class: "more" });
  let mode: Mode = "access";
  let all = false;
  let later: number | undefined;
  let buttons = new Map<readonly number[], HTMLElement>();

  function draw(): void {
    const { filters } = store.state;
    const test = model.tester(filters);
    const personas = model.data.personas.flatMap(({ name }, index) =>
      (filters.persona === "" || name === filters.persona) && pairs.personas.has(index) ? [index] : [],
    );
    const rows = relationsOf(page).map((relation) => ({
      relation,
      cells: personas.map((persona) => pairs.of(relation, persona)),
    }));
    const room = all ? rows.length : Math.max(12, Math.floor(fewCells / Math.max(personas.length, 1)));
    fill(
      place,
      rows.length === 0
        ? h("p", { class: "none" }, "No cell matches the filters.")
        : table(rows.slice(0, room), personas, test),
    );
    const left = rows.length - room;
    fill(
      more,
      left > 0 && h("button", { type: "button", click: showAll }, `Show ${plural(left, "more relation")}`),
    );
    more.hidden = left <= 0;
  }

  /** Drawn once, however often the filters change. */
  function known(
    some: readonly number[],
    slots: readonly SlotView[],
    test: (cell: number) => boolean,
  ): HTMLElement {
    const found = buttons.get(some) ?? pairButton(page, some, slots, mode);
    buttons.set(some, found);
    found.classList.toggle("out", !some.some(test));
    found.setAttribute("tabindex", "-1");
    return found;
  }

  function table(
    rows: readonly { readonly relation: number; readonly cells: readonly (readonly number[])[] }[],
    personas: readonly number[],
    test: (cell: number) => boolean,
  ): HTMLElement {
    const head = personas.map((persona) =>
      h("th", { scope: "col" }, h("span", {}, model.data.personas[persona]?.name ?? "")),
    );
    const body = rows.map(({ relation, cells }) => {
      const slots = slotsOf(page, pairs.all(relation));
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, model.data.relations[relation]?.name ?? ""),
        ...cells.map((some) => h("td", {}, some.length === 0 ? spoken("no cell") : known(some, slots, test))),
      );
    });
    const element = h(
      "table",
      { role: "grid", "aria-label": "Relations by personas", class: mode },
      h("thead", {}, h("tr", {}, h("td", {}, spoken("relation")), ...head)),
      h("tbody", {}, ...body),
    );
    roving(element, "button");
    return element;
  }

  function showAll(): void {
    clearTimeout(later);
    all = true;
    draw();
  }

  store.onChange((state, before) => {
    if (state.filters === before.filters) return;
    // The counts and the list are on the screen before the map is drawn, and a text that is being typed is typed first.
    clearTimeout(later);
    later = setTimeout(draw, 80);
  });
  draw();
  const choose = (next: Mode): void => {
    mode = next;
    buttons = new Map();
    draw();
    fill(key, ...legend(page, mode));
  };
  const key = h("div", { class: "legend" }, ...legend(page, mode));
  const element = section(
    "matrix",
    "Matrix",
    h(
      "fieldset",
      { class: "modes" },
      h("legend", {}, "Letters show"),
      radio("access", "declared access", true, choose),
      radio("evidence", "what each pass rests on", false, choose),
    ),
    place,
    more,
    key,
  );
  return { element, showAll };
}

function radio(value: Mode, label: string, checked: boolean, choose: (mode: Mode) => void): HTMLElement {
  return h(
    "label",
    {},
    h("input", { type: "radio", name: "mode", value, checked, change: () => choose(value) }),
    ` ${label}`,
  );
}

/** The usual four always; others where the relation has more to say of them than no. */
function slotsOf({ model }: Page, cells: readonly number[]): readonly SlotView[] {
  const { data } = model;
  const present = new Set<number>();
  const telling = new Set<number>();
  for (const cell of cells) {
    const operation = data.cells.operation[cell] ?? -1;
    present.add(operation);
    if (data.cells.extent[cell] !== 0 || model.verdict(cell).failing) telling.add(operation);
  }
  return data.slots.filter(({ operations }, index) =>
    operations.some((one) =>
      (index < 4 || data.operationNames[one] === "execute" ? present : telling).has(one),
    ),
  );
}

function pairButton(
  page: Page,
  cells: readonly number[],
  slots: readonly SlotView[],
  mode: Mode,
): HTMLElement {
  const { model, store } = page;
  const lines = model.data.channels.map((name, channel) => ({
    name,
    chips: slots.map((slot) => chipOf(page, cells, slot, channel)),
  }));
  const asked = lines.filter(({ chips }) => chips.some((chip) => chip !== undefined));
  const [one, two] = asked;
  const isSame = one !== undefined && two !== undefined && drawn(one.chips) === drawn(two.chips);
  const shown = isSame ? [one] : asked;
  // Both channels agree, or the run has no other: nothing need be said.
  const unmarked = isSame || page.model.channelsAsked === 1;
  const worst = cells.toSorted((a, b) => Number(model.isFailing(b)) - Number(model.isFailing(a)))[0] ?? -1;
  const changed = model.data.against !== null && cells.some((cell) => model.hasChanged(cell));
  const drawnLines = shown.map(({ name, chips }) =>
    h(
      "span",
      { class: "line" },
      !unmarked && h("i", {}, name.slice(0, 1)),
      ...chips.map((chip) => chipElement(page, chip, mode)),
    ),
  );
  // The letters are in the name too, for those who speak to their browser.
  const letters = drawnLines.map(({ textContent }) => textContent).join("");
  return h(
    "button",
    {
      type: "button",
      tabindex: -1,
      class: `pair${changed ? " changed" : ""}`,
      "aria-label": `${labelOf(page, cells, changed)}; letters ${letters}`,
      click: (event: MouseEvent) => {
        const chosen = (event.target as Element).closest("[data-cell]")?.getAttribute("data-cell");
        store.open(model.id(chosen == null ? worst : Number(chosen)));
      },
    },
    ...drawnLines,
  );
}

function drawn(chips: readonly (Chip | undefined)[]): string {
  return chips
    .map((chip) => (chip === undefined ? "" : `${chip.letter}${chip.mark}${chip.look}${chip.evidence}`))
    .join("|");
}

/** The worst of the cells that share a letter. */
function chipOf(page: Page, cells: readonly number[], slot: SlotView, channel: number): Chip | undefined {
  const { model } = page;
  const { data } = model;
  let found: { readonly rank: number; readonly chip: Chip } | undefined;
  let evidence = -1;
  for (const cell of cells) {
    if (!slot.operations.includes(data.cells.operation[cell] ?? -1)) continue;
    const answer = model.answer(cell, channel);
    if (answer === undefined) continue;
    // A column is shown with its SELECT only where it failed.
    if (data.cells.column[cell] !== 0 && !model.verdict(cell).failing) continue;
    evidence = Math.max(evidence, answer.evidence);
    const [rank, chip] = stateOf(page, cell, slot, answer.verdict);
    if (found === undefined || rank > found.rank) found = { rank, chip };
  }
  return found === undefined ? undefined : { ...found.chip, evidence };
}

/** What must be seen first hides the rest. */
function stateOf({ model }: Page, cell: number, { letter }: SlotView, own: number): readonly [number, Chip] {
  const { data } = model;
  const bothPass = !model.verdictAt(own).failing && model.verdict(cell).failing;
  const fails = data.channels.some((_, channel) => {
    const verdict = model.answer(cell, channel)?.verdict;
    return verdict !== undefined && model.verdictAt(verdict).failing;
  });
  // The channels pass by themselves and permit different rows: the failure is of both.
  const place = bothPass && !fails ? (data.cells.verdict[cell] ?? own) : own;
  const verdict = model.verdictAt(place);
  const chip = { letter: letter.toUpperCase(), mark: verdict.letter, evidence: -1, cell };
  if (verdict.failing)
    return model.isWaived(cell)
      ? [50 + place, { ...chip, look: "warn" }]
      : [100 + place, { ...chip, look: verdict.tone }];
  if (place !== model.passed) return [40, { ...chip, letter, look: "dim" }];
  const extent = data.cells.extent[cell] ?? 0;
  const shown = ["·", letter, letter.toUpperCase()][extent] ?? letter;
  return [extent, { ...chip, letter: shown, look: ["none", "some", "all"][extent] ?? "" }];
}

function chipElement({ model }: Page, chip: Chip | undefined, mode: Mode): HTMLElement {
  if (chip === undefined) return h("b", { class: "chip" }, " ");
  const passes = chip.look === "none" || chip.look === "some" || chip.look === "all";
  if (mode === "evidence" && passes && chip.evidence >= 0) {
    const element = h("b", { class: "chip rank", "data-cell": chip.cell }, String(chip.evidence + 1));
    element.style.setProperty("--rank", share(chip.evidence, model.data.evidences.length));
    return element;
  }
  return h(
    "b",
    { class: `chip ${chip.look}`, "data-cell": chip.cell },
    chip.letter,
    chip.mark !== "" && h("sub", {}, chip.mark),
  );
}

/** For those who do not see the letters. */
function labelOf({ model }: Page, cells: readonly number[], changed: boolean): string {
  const [first = -1] = cells;
  const { column } = model.data.cells;
  const told = cells.filter((cell) => column[cell] === 0 || model.verdict(cell).failing);
  const each = told.map(
    (cell) =>
      `${model.operation(cell)} ${model.text(model.data.cells.declared[cell])}, ${model.verdict(cell).head.toLowerCase()}${model.isWaived(cell) ? " waived" : ""}`,
  );
  return `${model.persona(first)}, ${model.relation(first)}: ${each.join("; ")}${changed ? "; changed" : ""}`;
}

function entry(look: string, text: string, means: string): HTMLElement {
  return h("span", {}, h("b", { class: `chip ${look}` }, text), ` ${means}`);
}

function legend({ model: { data, channelsAsked } }: Page, mode: Mode): readonly Child[] {
  const failing = data.verdicts
    .filter(({ cells, letter }) => cells > 0 && letter !== "")
    .map(({ letter, tone, name, failing: fails }) => {
      const sample = h("b", { class: `chip ${tone}` }, fails ? "S" : "s", h("sub", {}, letter));
      return h("span", {}, sample, ` ${name}`);
    });
  const meanings =
    mode === "access"
      ? [entry("all", "S", "every row"), entry("some", "s", "some rows"), entry("none", "·", "no row")]
      : data.evidences.map(({ short }, rank) => {
          const key = h("b", { class: "chip rank" }, String(rank + 1));
          key.style.setProperty("--rank", share(rank, data.evidences.length));
          return h("span", {}, key, ` ${short}`);
        });
  const letters = data.slots.map(({ letter, name }) => `${letter} ${name}`).join(" · ");
  const marks = data.channels.map((name) => `${name.slice(0, 1)} ${name}`).join(", ");
  return [
    h("p", {}, ...meanings, ...failing),
    h("p", {}, letters),
    channelsAsked > 1 &&
      h("p", {}, `One line: the channels agree. ${marks}: only that channel was asked, or they differ.`),
  ];
}
