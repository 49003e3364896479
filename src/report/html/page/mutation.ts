import { readData } from "./data.ts";

/** What the element takes, and says. */
interface ReportElement extends HTMLElement {
  report: unknown;
  readonly themeBackgroundColor: string;
}

/** The program of `rowgate mutate --report mutation-html`, behind that of the element, which draws what it is given. */
async function show(): Promise<void> {
  const element = document.querySelector<ReportElement>("mutation-test-report-app");
  if (element === null) return;
  element.report = await readData();
  const follow = (): void => {
    document.body.style.backgroundColor = element.themeBackgroundColor;
  };
  element.addEventListener("theme-changed", follow);
  follow();
}

void show();
