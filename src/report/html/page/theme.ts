import { h } from "./dom.ts";

const themes = ["auto", "light", "dark"] as const;
const place = "rowgate-theme";

/** Light, dark, or as the system says. A browser that keeps nothing for a file forgets the choice. */
export function themeButton(announce: (text: string) => void): HTMLElement {
  const button = h("button", { type: "button", "aria-keyshortcuts": "t", click: () => set(at + 1, true) });
  let at = 0;
  function set(next: number, chosen: boolean): void {
    at = next % themes.length;
    const theme = themes[at] ?? "auto";
    document.documentElement.dataset["theme"] = theme;
    button.textContent = `Theme: ${theme}`;
    if (!chosen) return;
    keep(theme);
    announce(`Theme: ${theme}.`);
  }
  set(
    Math.max(
      themes.findIndex((one) => one === kept()),
      0,
    ),
    false,
  );
  return button;
}

function kept(): string | null {
  try {
    return localStorage.getItem(place);
  } catch {
    return null;
  }
}

function keep(theme: string): void {
  try {
    localStorage.setItem(place, theme);
  } catch {
    // Then it is forgotten.
  }
}
