/** One stop for the Tab key within a table; arrow keys go from cell to cell. */
export function roving(table: HTMLTableElement, selector: string): void {
  const first = table.querySelector<HTMLElement>(`tbody ${selector}`);
  first?.setAttribute("tabindex", "0");
  table.addEventListener("focusin", (event) => {
    const target = (event.target as Element).closest<HTMLElement>(selector);
    if (target === null) return;
    for (const other of table.querySelectorAll(`${selector}[tabindex="0"]`))
      other.setAttribute("tabindex", "-1");
    target.setAttribute("tabindex", "0");
  });
  table.addEventListener("keydown", (event) => {
    const from = (event.target as Element).closest<HTMLElement>(selector);
    const cell = from?.closest("td");
    const row = cell?.closest("tr");
    if (cell == null || row == null || event.ctrlKey || event.altKey || event.metaKey) return;
    const to = next(event.key, cell, row, selector);
    if (to === undefined) return;
    event.preventDefault();
    to?.focus();
  });
}

/** `undefined`: not a key of ours. `null`: there is nothing in that direction. */
function next(
  key: string,
  cell: HTMLTableCellElement,
  row: HTMLTableRowElement,
  selector: string,
): HTMLElement | null | undefined {
  const among = (cells: readonly (Element | null | undefined)[]): HTMLElement | null =>
    cells.map((one) => one?.querySelector<HTMLElement>(selector)).find((one) => one != null) ?? null;
  const after = [...row.cells].slice(cell.cellIndex + 1);
  const before = [...row.cells].slice(0, cell.cellIndex).toReversed();
  const rows = [...(row.parentElement?.children ?? [])] as HTMLTableRowElement[];
  const at = rows.indexOf(row);
  const column = (others: readonly HTMLTableRowElement[]): HTMLElement | null =>
    among(others.map((one) => one.cells[cell.cellIndex]));
  const moves: Readonly<Record<string, () => HTMLElement | null>> = {
    ArrowRight: () => among(after),
    ArrowLeft: () => among(before),
    ArrowDown: () => column(rows.slice(at + 1)),
    ArrowUp: () => column(rows.slice(0, at).toReversed()),
    Home: () => among([...row.cells]),
    End: () => among([...row.cells].toReversed()),
  };
  return moves[key]?.();
}
