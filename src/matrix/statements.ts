import { relationOperations } from "../model/matrix.ts";
import type { SourcePosition } from "../model/errors.ts";
import { entriesOf, type Entry, type Fields, fieldsOf } from "../yaml/tree.ts";
import { type FormName, formNames, forms, formsOn, isWritten, type Target, waysOf } from "./forms.ts";
import { withholds } from "./read-forms.ts";
import type { Claim, Scope, Statement } from "./scope.ts";

/** What `*` covers; the blind forms of update and delete follow their operation. */
const covered = ["select", "insert", "update", "delete"] as const;
const blindOf = { update: "blind_update", delete: "blind_delete" } as const;

/** One entry under a relation's `expect`. */
export function readClaims({ key: who, value }: Entry, scope: Scope): readonly Claim[] {
  // A row set in the place of a mapping is reported as that, and not as unused as well.
  if (value.kind === "scalar") scope.rowSets.use(value.source);
  const entries = fieldsOf(value);
  const listed = relationOperations.flatMap((operation): readonly Claim[] => {
    const entry = entries.get(operation);
    if (entry === undefined) return [];
    return [{ who, operation, statement: readStatement(operation, entry, operation, scope), declared: true }];
  });
  const star = entries.get("*");
  return star === undefined ? listed : [...listed, ...readStar(who, star, listed, scope)];
}

/** The operations that are not listed get the statement of `*`; blind forms get the one of their operation. */
function readStar(who: string, star: Entry, listed: readonly Claim[], scope: Scope): readonly Claim[] {
  const statement = readStatement("*", star, "*", scope);
  const isListed = (operation: string): boolean => listed.some((one) => one.operation === operation);
  if (statement?.expectation.kind === "rows" && !isListed("insert")) {
    const message = "`*` covers insert too, and insert takes no row set";
    scope.issues.report("misplaced-key", statement.at, message, "list `insert:` beside `'*'`");
  }
  const claims = covered.map((operation): Claim => ({ who, operation, statement, declared: true }));
  const blind = (["update", "delete"] as const).map((operation): Claim => {
    const own = (listed.find((one) => one.operation === operation) ?? { statement }).statement;
    const followed = own && { ...own, ...plain };
    return { who, operation: blindOf[operation], statement: followed, declared: false };
  });
  return [...claims, ...blind].filter(({ operation }) => !isListed(operation));
}

/** What belongs to the filtered form alone: the blind one follows it in what it expects. */
const plain = {
  set: undefined,
  never: [],
  columns: [],
  assignment: undefined,
  names: undefined,
  mayBecome: undefined,
  uses: [],
} as const;

/** One entry under a function's `expect`: it is about `execute`, the only thing that one does with a function. */
export function readCallClaims(entry: Entry, scope: Scope): readonly Claim[] {
  const statement = readStatement("execute", entry, entry.key, scope);
  return [{ who: entry.key, operation: "execute", statement, declared: true }];
}

const blank = {
  expectation: { kind: "allow" },
  set: undefined,
  never: [],
  columns: [],
  waiver: undefined,
} as const;

/** @param label what messages call it */
function readStatement(target: Target, entry: Entry, label: string, scope: Scope): Statement | undefined {
  const { value, keyAt } = entry;
  return scope.issues.clean(() => {
    const fields = fieldsOf(value);
    const heads = headsOf(target, fields);
    // A choice of calls may also follow from `deny` beside `rows`.
    const written = formsOn(target).filter((form) => isWritten(form, fields) || form === "calls");
    const parts = written
      .filter((form) => !forms[form].says || heads.includes(form) || target !== "execute")
      .map((form) => forms[form].read(fields, scope, target));
    const complete = parts.filter((part) => part !== undefined);
    const one = value.kind === "map" && isOne(heads, target, fields, label, keyAt, scope);
    if (!one || complete.length < parts.length || scope.broken.has(value)) return undefined;
    const uses = complete.flatMap((part) => part.uses ?? []);
    const statement: Statement = Object.assign({}, blank, ...complete, { at: value.at, uses });
    checkColumns(statement, fields, scope);
    checkNewRows(statement, fields, scope);
    checkReturning(statement, fields, scope);
    if (target === "execute") checkWithheld(statement, fields, scope);
    return statement;
  });
}

/** The forms that say what is expected. */
function headsOf(target: Target, fields: Fields): readonly FormName[] {
  const here = formsOn(target);
  const own = here.filter((form) => forms[form].says && isWritten(form, fields));
  // What belongs to another operation is reported as that; `check` belongs to an UPDATE as well as to an INSERT.
  const others = new Map([...fields].filter(([key]) => !here.some((form) => key in forms[form].keys)));
  const misplaced = formNames.filter((form) => forms[form].says && isWritten(form, others));
  const written = own.length > 0 ? own : misplaced;
  if (target !== "execute") return written;
  // With a choice of calls `deny` says why the others are refused; with rows that are withheld, why all are.
  const reason = isWritten("calls", fields) || withholds(fields);
  return written.filter((form) => form !== "candidates" && (form !== "deny" || !reason));
}

function isOne(
  heads: readonly FormName[],
  target: Target,
  fields: Fields,
  label: string,
  home: SourcePosition,
  { issues }: Scope,
): boolean {
  const [first, second] = heads;
  const ways = waysOf(target);
  if (first === undefined) {
    // A choice of calls alone allows those.
    if (target === "execute" && isWritten("calls", fields)) return true;
    issues.report("missing-key", home, `\`${label}\` says none of ${ways}`);
  } else if (second !== undefined) {
    const entries = heads.map(
      (form) => Object.keys(forms[form].keys).flatMap((key) => fields.get(key) ?? [])[0],
    );
    const names = entries.map((entry) => `\`${entry?.key}\``).join(" and ");
    const message = `\`${label}\` says ${names} at once: it must be one of ${ways}`;
    issues.report("ambiguous-expectation", entries[1]?.keyAt ?? home, message);
  }
  return heads.length === 1;
}

/** A relation that shows no row shows no column either. */
function checkColumns(
  { columns, assignment, expectation, calls }: Statement,
  fields: Fields,
  { issues }: Scope,
): void {
  const at = fields.get("columns")?.keyAt;
  const none = expectation.kind === "deny" || calls?.accept?.length === 0;
  if (at === undefined || (columns.length === 0 && assignment === undefined) || !none) return;
  const message = "`columns` describes the declared rows, and `deny` declares none";
  issues.report("misplaced-key", at, message, "write it beside `allow` or `rows`");
}

/** Where no row may be updated there is no new row. */
function checkNewRows({ check, expectation }: Statement, fields: Fields, { issues }: Scope): void {
  const at = fields.get("check")?.keyAt;
  if (at === undefined || check === undefined || expectation.kind !== "deny") return;
  const message = "`check` describes the new row, and `deny` lets none be written";
  issues.report("misplaced-key", at, message, "write it beside `allow` or `rows`");
}

/** A row that is refused does not come back, and what is denied sends nothing. */
function checkReturning({ expectation }: Statement, fields: Fields, { issues }: Scope): void {
  const nothing = expectation.kind === "deny";
  const noneAccepted = expectation.kind === "candidates" && expectation.accept.length === 0;
  for (const key of ["returning", "sends", "on_conflict"]) {
    const at = fields.get(key)?.keyAt;
    if (at === undefined || !(nothing || (key === "returning" && noneAccepted))) continue;
    const message = `\`${key}\` is about what is accepted, and nothing is accepted here`;
    issues.report("misplaced-key", at, message, "write it beside `allow`, `accept` or `rows`");
  }
}

/** By its arguments a call may return no row to anybody: only rows that it would return to others show that it withholds them. */
function checkWithheld(
  { expectation, calls }: Statement,
  fields: Fields,
  { issues, candidates }: Scope,
): void {
  const deny = fields.get("deny");
  const reason = expectation.kind === "deny" ? expectation.reason : calls?.reason;
  if (deny === undefined || reason !== "filter" || expectation.kind === "rows") return;
  const given = candidates.values.find(
    ({ value }) => value !== undefined && Object.keys(value.values).length > 0,
  );
  if (given?.value === undefined) return;
  const message = `\`deny: filter\` does not say which rows the call \`${given.value.name}\` withholds`;
  const hint = "write `rows` beside it: a row set, with the call's arguments as `:args.<name>`";
  issues.report("missing-key", deny.keyAt, message, hint);
}

/** The entries under `expect`; those whose name is unknown are reported and left out. */
export function readExpect(
  entry: Entry | undefined,
  known: (entry: Entry) => boolean,
  read: (entry: Entry) => readonly Claim[],
): readonly Claim[] {
  return entriesOf(entry?.value)
    .map((item) => ({ item, claims: read(item) }))
    .flatMap(({ item, claims }) => (known(item) ? claims : []));
}
