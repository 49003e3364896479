import { literally } from "../lib/pattern.ts";
import { type Finding, isChain } from "../model/finding.ts";
import type { Expectation, Json } from "../model/matrix.ts";
import type { Reproduction, CellRecord, ChannelRecord, PersonaRecord, RunRecord } from "../model/run.ts";

/** Personal data out of a run's records. Applying it twice changes nothing more. */
export interface Redactor {
  readonly run: (run: RunRecord) => RunRecord;
  readonly cell: (record: CellRecord) => CellRecord;
}

export const noRedaction: Redactor = { run: (run) => run, cell: (record) => record };

/** Rules: docs/archive.md. Identifiers (`sub`, uuids, numbers) stay: without them no row could be found again. */
export function createRedactor(personas: readonly PersonaRecord[]): Redactor {
  const own = new Map(personas.map((persona) => [persona.name, ownValues(persona)]));
  return {
    run: (run) => ({
      ...run,
      personas: run.personas.map(redactPersona),
      findings: run.findings.map((one) => redactChain(one, personas)),
    }),
    cell: (record) => {
      const text = withOwnValues(own.get(record.persona));
      return {
        ...record,
        expectation: redactExpectation(record.expectation, text),
        channels: mapChannels(record.channels, text),
        reproduce: record.reproduce && redactByHand(record.reproduce, text),
      };
    },
  };
}

/** A chain shows what several personas hold: its values are masked for each of them. */
function redactChain(finding: Finding, personas: readonly PersonaRecord[]): Finding {
  if (!isChain(finding)) return finding;
  const texts = personas.map((persona) => withOwnValues(ownValues(persona)));
  const text = (value: string): string => texts.reduce((masked, one) => one(masked), maskText(value));
  return {
    ...finding,
    steps: finding.steps.map(text),
    gains: finding.gains.map((gain) => ({
      ...gain,
      what: text(gain.what),
      examples: gain.examples.map(text),
    })),
    reproduce: text(finding.reproduce),
  };
}

function redactPersona(persona: PersonaRecord): PersonaRecord {
  const settings = Object.entries(persona.settings).map(([name, value]) => [
    name,
    isPersonalName(name) ? personalMask(value) : maskText(value),
  ]);
  return {
    ...persona,
    claims: persona.claims && (maskValue(persona.claims) as NonNullable<PersonaRecord["claims"]>),
    settings: Object.fromEntries(settings) as PersonaRecord["settings"],
  };
}

/** Bound predicates and probes repeat a persona's claims as literals: what is masked in one is masked in all. */
function ownValues(persona: PersonaRecord): RegExp | undefined {
  const found = new Set<string>();
  collect(persona.claims ?? {}, false, found);
  collect(persona.settings, false, found);
  const long = [...found].filter((value) => value.length >= 3).toSorted((a, b) => b.length - a.length);
  if (long.length === 0) return undefined;
  const any = long.map(literally).join("|");
  return new RegExp(String.raw`(?<![\p{L}\p{N}])(?:${any})(?![\p{L}\p{N}])`, "gu");
}

function collect(value: Json, personal: boolean, into: Set<string>): void {
  if (typeof value === "string" && personal) into.add(value);
  if (value === null || typeof value !== "object") return;
  for (const [name, item] of Object.entries(value) as [string, Json][]) {
    collect(item, personal || isPersonalName(name), into);
  }
}

function withOwnValues(own: RegExp | undefined): (text: string) => string {
  // Own values first: masking the address in `Ana <ana@a.test>` would leave a name that no longer matches.
  return own === undefined
    ? maskText
    : (text) => maskText(text.replaceAll(own, (found) => personalMask(found)));
}

type MapText = (text: string) => string;

function redactExpectation(expectation: Expectation, text: MapText): Expectation {
  return "predicate" in expectation
    ? { ...expectation, predicate: text(expectation.predicate) }
    : expectation;
}

function redactByHand(byHand: Reproduction, text: MapText): Reproduction {
  const { psql, curl, undo } = byHand;
  return {
    psql: text(psql),
    curl: curl === undefined ? undefined : text(curl),
    ...(undo !== undefined && { undo: text(undo) }),
  };
}

function mapChannels(channels: CellRecord["channels"], text: MapText): CellRecord["channels"] {
  const mapped = Object.entries(channels).map(([channel, record]) => [channel, redactChannel(record, text)]);
  return Object.fromEntries(mapped) as CellRecord["channels"];
}

function redactChannel(record: ChannelRecord, text: MapText): ChannelRecord {
  return {
    ...record,
    because: text(record.because),
    probe: text(record.probe),
    observation: mapDeep(record.observation, text) as ChannelRecord["observation"],
  };
}

/** Keys of rows are JSON in a string: their columns' names are rules too. */
function mapDeep(value: unknown, text: MapText): unknown {
  if (typeof value === "string") return redactKey(value, text);
  if (Array.isArray(value)) return value.map((item) => mapDeep(item, text));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapDeep(item, text)]));
}

function redactKey(value: string, text: MapText): string {
  if (!value.startsWith("{") && !value.startsWith("[")) return text(value);
  try {
    const key = JSON.parse(value) as Json;
    const masked = JSON.stringify(maskValue(key));
    // Only when something was masked: parsing has rounded integers that a double cannot hold.
    return text(masked === JSON.stringify(key) ? value : masked);
  } catch {
    return text(value);
  }
}

/**
 * Names of claims, settings and columns whose value is about a person. Compared without case, `_` and `-`, by their
 * last part (`app.user_email` → `useremail`). Sources: OpenID Connect Core 1.0 §5.1, and national identity numbers.
 */
const personalNames: ReadonlySet<string> = new Set(
  [
    "name fullname displayname firstname lastname givenname familyname middlename surname",
    "nickname username preferredusername",
    "email mail phone phonenumber mobile mobilephone workphone telephone",
    "address streetaddress postaladdress location birthdate birthday dateofbirth dob",
    "gender pronouns picture avatar avatarurl profile website bio",
    "ip ipaddress rut dni curp cpf ssn nin nationalid passport taxid iban",
  ].flatMap((line) => line.split(" ")),
);

export function isPersonalName(name: string): boolean {
  const last = (name.split(".").at(-1) ?? name).toLowerCase().replaceAll(/[_-]/g, "");
  return personalNames.has(last) || /e?mail(address)?$|phone(number)?$/.test(last);
}

const email = /[\p{L}\p{N}._%+-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
/** International form only: without the plus, a date, an id or an amount would look the same. */
const phone = /(?<![\p{L}\p{N})])(?:\+|%2B)\d(?:[ ().-]?\d){7,14}(?![\p{L}\p{N}])/gu;

/** Emails and international phone numbers anywhere in a text. */
export function maskText(text: string): string {
  // Nearly every text has neither sign.
  const withoutEmails = /@|%40/.test(text) ? text.replaceAll(email, "[email]") : text;
  return /\+|%2B/.test(withoutEmails) ? withoutEmails.replaceAll(phone, "[phone]") : withoutEmails;
}

/** What replaces a value that is personal by its name. A mask stays as it is: records may come here twice. */
export function personalMask(value: string): string {
  const masked = maskText(value);
  return /^\[(?:email|phone)\]$/.test(masked) ? masked : "[personal]";
}

/** Masks by name (and everything below such a name) and by looks. Booleans and NULL stay, and numbers elsewhere. */
export function maskValue(value: Json, personal = false): Json {
  if (typeof value === "string") return personal ? personalMask(value) : maskText(value);
  if (typeof value === "number") return personal ? "[personal]" : value;
  if (Array.isArray(value)) return value.map((item: Json) => maskValue(item, personal));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, Json]) => [
      name,
      maskValue(item, personal || isPersonalName(name)),
    ]),
  );
}
