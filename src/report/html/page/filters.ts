import { h, number, plural } from "./dom.ts";
import { type Filters, noFilters } from "./model.ts";
import type { Page } from "./parts.ts";

interface Choice {
  readonly value: string;
  readonly label: string;
}

function same({ name }: { readonly name: string }): Choice {
  return { value: name, label: name };
}

/** The filters for everything below them. */
export function filterBar(page: Page): HTMLElement {
  const { model, store } = page;
  const { data } = model;
  const verdicts = data.verdicts.filter(({ cells }) => cells > 0);
  const failing = verdicts.reduce((sum, one) => sum + (one.failing ? one.cells - one.waived : 0), 0);
  const waived = verdicts.reduce((sum, one) => sum + one.waived, 0);
  const count = h("p", { class: "matches", id: "matches" });
  const reset = h("button", { type: "button", click: () => store.filter(noFilters) }, "Clear filters");
  const show = (): void => {
    const { filters } = store.state;
    const isFiltered = Object.values(filters).some((value) => value !== "");
    const found = isFiltered ? model.matching(filters).length : model.size;
    count.textContent = isFiltered
      ? `${number(found)} of ${plural(model.size, "cell")}`
      : plural(model.size, "cell");
    reset.hidden = !isFiltered;
  };
  store.onChange((state, before) => {
    if (state.filters === before.filters) return;
    show();
    page.announce(`${count.textContent} shown.`);
  });
  show();
  return h(
    "form",
    {
      class: "filters",
      role: "search",
      "aria-label": "Filter cells",
      submit: (event: Event) => event.preventDefault(),
    },
    select(page, "persona", "Persona", data.personas.map(same)),
    select(page, "relation", "Relation", data.relations.map(same)),
    select(page, "verdict", "Verdict", [
      ...(failing > 0 ? [{ value: "failing", label: `failing (${number(failing)})` }] : []),
      ...verdicts.map(({ name, cells }) => ({ value: name, label: `${name} (${number(cells)})` })),
      ...(waived > 0 ? [{ value: "waived", label: `waived (${number(waived)})` }] : []),
      ...(data.against === null ? [] : [{ value: "changed", label: "changed" }]),
    ]),
    select(
      page,
      "evidence",
      "Evidence",
      data.evidences
        .filter(({ cells }) => cells > 0)
        .map(({ name, short, cells }) => ({ value: name, label: `${short} (${number(cells)})` })),
    ),
    finder(page),
    h("div", { class: "outcome" }, count, reset),
  );
}

function select(
  { store }: Page,
  name: keyof Filters,
  label: string,
  choices: readonly Choice[],
): HTMLElement {
  const input = h(
    "select",
    { change: () => store.filter({ [name]: input.value }) },
    h("option", { value: "" }, "all"),
    ...choices.map((one) => h("option", { value: one.value }, one.label)),
  );
  const show = (): void => {
    input.value = store.state.filters[name];
  };
  store.onChange(show);
  show();
  return h("label", {}, label, input);
}

function finder({ store }: Page): HTMLElement {
  const input = h("input", {
    type: "search",
    id: "find",
    autocomplete: "off",
    spellcheck: "false",
    input: () => store.filter({ find: input.value }),
  });
  const show = (): void => {
    if (input.value !== store.state.filters.find) input.value = store.state.filters.find;
  };
  store.onChange(show);
  show();
  return h("label", { class: "find" }, "Find", input);
}
