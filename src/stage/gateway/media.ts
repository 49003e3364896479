import { refuse } from "./errors.ts";

/** How rows are written: an array, or one object that must be the only row. */
export type Shape = "array" | "object";

export const contentTypes: Readonly<Record<Shape, string>> = {
  array: "application/json; charset=utf-8",
  object: "application/vnd.pgrst.object+json; charset=utf-8",
};

interface MediaType {
  /** As PostgREST names it back in an error. */
  readonly name: string;
  readonly kind: "json" | "any" | "object" | "stripped" | "plan" | "table" | "other";
}

/**
 * The first acceptable type decides.
 * @throws {Refused} PGRST107; 501 for CSV, GeoJSON, stripped nulls, and where the database brings handlers of its own
 */
export function negotiate(accept: string | undefined, customHandlers: boolean): Shape {
  const accepted = byQuality(accept ?? "*/*").map(decode);
  for (const { kind, name } of accepted) {
    if (kind === "object") return "object";
    if (kind === "stripped") throw refuse.notSpoken("nulls=stripped");
    // `db-plan-enabled` is off, as it is by default.
    if (kind === "plan") continue;
    if (customHandlers) throw refuse.notSpoken("media types that the database handles itself");
    if (kind === "table") throw refuse.notSpoken(name);
    if (kind === "json" || kind === "any") return "array";
  }
  throw refuse.mediaType(accepted.map(({ name }) => name));
}

/** `application/json`, without parameters and in lower case. */
export function essence(mediaType: string): string {
  return (mediaType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

function byQuality(accept: string): string[] {
  const weighed = accept.split(",").map((text) => {
    const [type = "", quality = ""] = text.replaceAll(" ", "").split(";q=", 2);
    const weight = Number.parseFloat(quality);
    const specificity = type.split(";").length - type.split("*").length;
    return { type, weight: Number.isNaN(weight) ? 1 : weight, specificity };
  });
  return weighed
    .toSorted((a, b) => b.weight - a.weight || b.specificity - a.specificity)
    .map(({ type }) => type);
}

const kinds: Readonly<Record<string, MediaType["kind"]>> = {
  "application/json": "json",
  "*/*": "any",
  "application/vnd.pgrst.object+json": "object",
  "application/vnd.pgrst.object": "object",
  "application/vnd.pgrst.array+json": "json",
  "application/vnd.pgrst.array": "json",
  "application/vnd.pgrst.plan": "plan",
  "application/vnd.pgrst.plan+text": "plan",
  "application/vnd.pgrst.plan+json": "plan",
  "text/csv": "table",
  "application/geo+json": "table",
};

function decode(text: string): MediaType {
  const type = essence(text);
  const kind = kinds[type] ?? "other";
  if (kind === "plan") return { kind, name: planName(type, text) };
  const stripped = /;nulls="?stripped/i.test(text) && type.startsWith("application/vnd.pgrst.");
  if (stripped) return { kind: "stripped", name: text };
  return { kind, name: kind === "other" ? text : type };
}

function planName(type: string, text: string): string {
  const format = type.endsWith("+json") ? "json" : "text";
  const target = /;for="([^"]*)"/i.exec(text)?.[1] ?? "application/json";
  return `application/vnd.pgrst.plan+${format}; for="${target}"`;
}
