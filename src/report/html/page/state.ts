import { type Filters, noFilters } from "./model.ts";

/** What the address says behind `#`: every view can be linked to. */
export interface State {
  readonly filters: Filters;
  /** The id of the cell that is open; empty: none. */
  readonly cell: string;
}

export function readState(hash: string): State {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const filters = Object.fromEntries(Object.keys(noFilters).map((name) => [name, given.get(name) ?? ""]));
  return { filters: filters as unknown as Filters, cell: given.get("cell") ?? "" };
}

export function writeState({ filters, cell }: State): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...filters, cell })) if (value !== "") given.set(name, value);
  return `#${given.toString()}`;
}

/** The state of the page; each view is notified of changes. */
export class Store {
  #state: State;
  readonly #listeners: ((state: State, before: State) => void)[] = [];

  constructor() {
    this.#state = readState(location.hash);
    addEventListener("popstate", () => this.#set(readState(location.hash)));
    addEventListener("hashchange", () => this.#set(readState(location.hash)));
  }

  get state(): State {
    return this.#state;
  }

  onChange(listener: (state: State, before: State) => void): void {
    this.#listeners.push(listener);
  }

  filter(change: Partial<Filters>): void {
    const next = { ...this.#state, filters: { ...this.#state.filters, ...change } };
    history.replaceState(null, "", writeState(next));
    this.#set(next);
  }

  /** In the history, so that Back closes what a link has opened. */
  open(cell: string): void {
    if (cell === this.#state.cell) return;
    const next = { ...this.#state, cell };
    history.pushState(null, "", writeState(next));
    this.#set(next);
  }

  #set(next: State): void {
    if (writeState(next) === writeState(this.#state)) return;
    const before = this.#state;
    this.#state = next;
    for (const listener of this.#listeners) listener(next, before);
  }
}
