import type { Issue, SourcePosition } from "../model/errors.ts";
import { didYouMean, nearest } from "../lib/nearest.ts";
import type { ConfigFile } from "./file.ts";
import type { Variables } from "./libpq.ts";

/** A setting's text, and where it was found. */
export interface Found {
  readonly text: string;
  /** For people: `rowgate.yaml:7:12`, `PGHOST`, `DATABASE_URL (rowgate.yaml:7:12)`. Never the text itself. */
  readonly from: string;
  /** Where to point when something is wrong with it; absent: it comes from the environment. */
  readonly at?: SourcePosition | undefined;
}

/** Where one setting of a target came from. */
export interface SettingSource {
  /** `database.host`, `rest.url`, `jwt.secret`. */
  readonly setting: string;
  readonly from: string;
}

const variablePattern = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

/** The settings of one target, from the file and the environment; mistakes are collected. */
export class Settings {
  readonly issues: Issue[] = [];
  readonly sources: SettingSource[] = [];
  readonly file: ConfigFile;
  readonly name: string;
  readonly variables: Variables;

  constructor(file: ConfigFile, name: string, variables: Variables) {
    this.file = file;
    this.name = name;
    this.variables = variables;
  }

  /** What the file has at `database.host`; for `${NAME}`, the value of the variable. */
  get(path: string): Found | undefined {
    const value = this.#written(path);
    if (value === undefined) return undefined;
    const at = this.place(path);
    const place = `${at.file}:${at.line}:${at.column}`;
    const variable = variablePattern.exec(String(value))?.[1];
    if (variable === undefined) return { text: String(value), from: place, at };
    const text = this.variables[variable] ?? "";
    if (text !== "") return { text, from: `${variable} (${place})`, at };
    const meant = didYouMean(nearest(variable, Object.keys(this.variables)));
    this.report(
      at,
      "missing-variable",
      `\`${this.name}\` takes its ${path} from ${variable}, which is not set${meant}`,
      `export ${variable}`,
    );
    return undefined;
  }

  /** Whether the file has anything at this path, if only the name of a variable that is not set. */
  has(path: string): boolean {
    return this.#written(path) !== undefined;
  }

  #written(path: string): unknown {
    let value: unknown = this.file.config.targets[this.name];
    for (const step of path.split("."))
      value =
        typeof value === "object" && value !== null && Object.hasOwn(value, step)
          ? (value as Readonly<Record<string, unknown>>)[step]
          : undefined;
    return value;
  }

  /** The first of these variables that is set. */
  variable(...names: readonly string[]): Found | undefined {
    for (const name of names) {
      const text = this.variables[name] ?? "";
      if (text !== "") return { text, from: name };
    }
    return undefined;
  }

  /** Notes where a setting came from, and hands on its text. */
  used(setting: string, found: Found): string {
    this.sources.push({ setting, from: found.from });
    return found.text;
  }

  /** Where to point when a part of the target is missing. */
  place(path: string): SourcePosition {
    return this.file.at([this.name, ...path.split(".")]);
  }

  report(at: SourcePosition, code: string, message: string, hint?: string): void {
    this.issues.push({ code: `config/${code}`, message, at, hint });
  }

  /** A mistake in what was found: at its place, or at the target's, with the variable named. */
  wrong(found: Found, path: string, message: string, hint?: string): void {
    const whose = found.at === undefined ? `${found.from}: ` : "";
    this.report(found.at ?? this.place(path), "bad-value", `${whose}${message}`, hint);
  }
}
