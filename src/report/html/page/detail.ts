import type { AnswerView, FailureView } from "../data.ts";
import { type Child, fill, h, plural } from "./dom.ts";
import { badge, cellLink, type Page, paste } from "./parts.ts";

/** Everything about one cell: what was declared, probed and observed, what a pass rests on, and how to see it without rowgate. */
export function detail(
  page: Page,
  shown: () => readonly number[],
): { readonly element: HTMLElement; readonly step: (by: number) => void } {
  const { model, store } = page;
  const body = h("div", { class: "detail-body" });
  const title = h("h2", { id: "detail-title", tabindex: -1 });
  const where = h("p", { class: "means", id: "detail-where" });
  const dialog = h(
    "dialog",
    { "aria-labelledby": "detail-title", class: "detail" },
    h(
      "div",
      { class: "detail-head" },
      h("div", {}, title, where),
      h(
        "div",
        { class: "tools" },
        h("button", { type: "button", click: () => step(-1), "aria-label": "Previous cell" }, "↑"),
        h("button", { type: "button", click: () => step(1), "aria-label": "Next cell" }, "↓"),
        h("button", { type: "button", click: () => dialog.close() }, "Close"),
      ),
    ),
    body,
  );
  let opener: Element | null = null;

  function show(): void {
    const { cell: id } = store.state;
    if (id === "") {
      if (dialog.open) dialog.close();
      return;
    }
    const cell = model.cellOf(id);
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
    }
    if (cell === undefined) {
      fill(title, "No such cell");
      fill(where, id);
      fill(body, h("p", {}, "This run has no cell of this id."));
      return;
    }
    fill(
      title,
      badge(model.verdict(cell), model.isWaived(cell)),
      " ",
      `${model.persona(cell)} · ${model.relation(cell)} · ${model.operation(cell)}`,
    );
    fill(where, model.verdict(cell).means);
    fill(body, ...parts(page, cell));
    body.scrollTop = 0;
    title.focus();
  }

  /** The cell before or after, as the filters leave them. */
  function step(by: number): void {
    const cells = shown();
    const at = cells.indexOf(model.cellOf(store.state.cell) ?? -1);
    const next = cells[at === -1 ? 0 : at + by];
    if (next !== undefined) store.open(model.id(next));
  }

  dialog.addEventListener("close", () => {
    store.open("");
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  store.onChange((state, before) => {
    if (state.cell !== before.cell) show();
  });
  // Once it is in the document.
  queueMicrotask(show);
  return { element: dialog, step };
}

function parts(page: Page, cell: number): readonly Child[] {
  const { data } = page.model;
  const failure = data.failures[data.cells.failure[cell] ?? -1];
  return [
    declaredPart(page, cell),
    ...data.channels.map((name, channel) => channelPart(page, cell, name, channel)),
    causePart(page, failure),
    inForcePart(page, cell, failure),
    reproducePart(page, failure),
    othersPart(page, cell),
  ];
}

function part(title: string, ...children: readonly Child[]): HTMLElement {
  return h("section", { class: "part" }, h("h3", {}, title), ...children);
}

function facts(...entries: readonly (readonly [string, Child])[]): HTMLElement {
  return h(
    "dl",
    {},
    ...entries.flatMap(([label, value]) =>
      value === "" || value === undefined || value === false ? [] : [h("dt", {}, label), h("dd", {}, value)],
    ),
  );
}

function declaredPart({ model }: Page, cell: number): HTMLElement {
  const { cells, personas } = model.data;
  const persona = personas[cells.persona[cell] ?? -1];
  const text = model.text(cells.declared[cell]);
  const predicate = model.text(cells.predicate[cell]);
  return part(
    "Declared",
    facts(
      ["expectation", model.isImplied(cell) ? `${text}, by default: the matrix does not list it` : text],
      ["where", predicate !== "" && h("code", {}, predicate)],
      ["at", model.text(cells.at[cell])],
      ["persona", `${persona?.name ?? ""}, role ${persona?.role ?? ""}`],
      ["claims", persona !== undefined && persona.claims !== "" && h("code", {}, persona.claims)],
      ["waiver", model.text(cells.waiver[cell])],
    ),
  );
}

function channelPart({ model }: Page, cell: number, name: string, channel: number): HTMLElement {
  const { data } = model;
  const answer = model.answer(cell, channel);
  const probe = model.text(data.cells.probes[channel]?.[cell]);
  if (answer === undefined) {
    return part(
      `Channel ${name}`,
      h("p", { class: "means" }, `Not probed${probe === "" ? "" : `: ${probe}`}.`),
    );
  }
  const evidence = data.evidences[answer.evidence];
  const before = model.before(cell, channel);
  return part(
    `Channel ${name}`,
    facts(
      ["verdict", badge(model.verdictAt(answer.verdict))],
      [
        "probed",
        probe !== "" &&
          h(
            "pre",
            { tabindex: 0, role: "group", "aria-label": `Sent on channel ${name}` },
            h("code", {}, probe),
          ),
      ],
      ["observed", model.text(answer.what)],
      ["baseline", model.text(answer.baseline)],
      ["because", model.text(answer.because)],
      ["proof", evidence !== undefined && `${evidence.short}: ${evidence.means}`],
      ["before", data.against !== null && beforeText(model, before, answer)],
    ),
  );
}

function beforeText(model: Page["model"], before: AnswerView | undefined, now: AnswerView): string {
  if (before === undefined) return "not probed in the other run";
  if (before.verdict === now.verdict && before.what === now.what) return "the same";
  return `${model.verdictAt(before.verdict).name}: ${model.text(before.what)}`;
}

function causePart({ model }: Page, failure: FailureView | undefined): Child {
  const cause = model.text(failure?.cause);
  return cause !== "" && part("Cause", h("p", {}, cause));
}

/** Of a cell that failed what decided it; of any other what was in force on the relation. */
function inForcePart({ model }: Page, cell: number, failure: FailureView | undefined): HTMLElement {
  const { data } = model;
  const own = failure?.inForce.map((text) => model.text(text)) ?? [];
  const all = data.relations[data.cells.relation[cell] ?? -1]?.inForce ?? [];
  const shown = own.length > 0 ? own : all;
  return part(
    own.length > 0 ? "Policies and grants in force for it" : "Policies and grants in force on the relation",
    shown.length === 0
      ? h("p", { class: "means" }, "The archive does not hold them here; catalog.json has all of them.")
      : h("ul", { class: "sql" }, ...shown.map((text) => h("li", {}, text))),
  );
}

function reproducePart(page: Page, failure: FailureView | undefined): Child {
  if (failure === undefined) return false;
  const { model } = page;
  const texts = [
    ["Start the target again", failure.command],
    ["In psql", failure.psql],
    ["In a shell", failure.curl],
    ["Remove the row afterwards, in psql", failure.undo],
  ] as const;
  const shown = texts.filter(([, text]) => text !== 0);
  return (
    shown.length > 0 &&
    part("Reproduce", ...shown.map(([label, text]) => paste(page, label, model.text(text))))
  );
}

function othersPart(page: Page, cell: number): Child {
  const { model } = page;
  const { cells } = model.data;
  const others: number[] = [];
  for (let other = 0; other < model.size; other += 1) {
    const isSame =
      cells.relation[other] === cells.relation[cell] && cells.persona[other] === cells.persona[cell];
    if (isSame && other !== cell) others.push(other);
  }
  if (others.length === 0) return false;
  return part(
    `${plural(others.length, "other cell")} of ${model.persona(cell)} on ${model.relation(cell)}`,
    h(
      "ul",
      { class: "others" },
      ...others.map((other) =>
        h(
          "li",
          {},
          badge(model.verdict(other), model.isWaived(other)),
          " ",
          cellLink(page, other, model.operation(other)),
          ` ${model.text(cells.declared[other])}`,
        ),
      ),
    ),
  );
}
