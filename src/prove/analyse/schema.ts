import type { Node } from "libpg-query";
import { grouped } from "../../lib/grouped.ts";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";
import type { ColumnInfo, RelationInfo, RelationKind, TriggerInfo } from "../../model/catalog.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import { perObject } from "../../lib/recent.ts";
import { part, walk, withoutCasts } from "./tree.ts";

/** A column, with what decides which values it can hold; its type as SQL can name it under any search_path. */
export interface ProofColumn extends Pick<
  ColumnInfo,
  "name" | "type" | "domain" | "notNull" | "identity" | "generated"
> {
  /** The type under all domains, without a modifier: `character varying`. */
  readonly base: string;
  /** Of an array, its elements' type. */
  readonly element: string | null;
  readonly category: string;
  /** A domain that refuses NULL refuses it in a hypothetical row too. */
  readonly domainNotNull: boolean;
  /** Rows of a child that are read through the relation may hold NULL, though its own may not. */
  readonly nullInChildren: boolean;
  /** The default's or, of a generated column, the value's expression. */
  readonly expression: string | null;
  /** All of its values: of an enum in order, or as a constraint lists them. */
  readonly labels: readonly string[] | null;
  /** What its domain asks of a value. */
  readonly domainChecks: readonly string[];
  /** Equal under its collation means identical. */
  readonly deterministic: boolean;
  /** An operator or cast of the database's own takes this type, so that `=` may mean anything. */
  readonly redefined: boolean;
}

export interface ProofForeignKey {
  readonly columns: readonly string[];
  readonly to: QualifiedName;
  readonly referenced: readonly string[];
  /** Rows that break it may exist. */
  readonly notValid: boolean;
  /** As `pg_constraint` says it: `c` cascade, `n` set null, `d` set default, `a` and `r` neither. */
  readonly onDelete: string;
  readonly onUpdate: string;
}

export interface ProofTrigger extends Pick<TriggerInfo, "name" | "timing" | "level" | "events"> {
  /** It is fired for each row, whatever the row and the statement are. */
  readonly always: boolean;
  readonly function: QualifiedName;
}

/** Expressions of its policies are printed under `search_path = ''`: every name in full. */
export interface ProofRelation extends Pick<
  RelationInfo,
  "schema" | "name" | "policies" | "rls" | "securityInvoker"
> {
  readonly kind: Exclude<RelationKind, "function">;
  readonly columns: readonly ProofColumn[];
  readonly checks: readonly string[];
  readonly foreignKeys: readonly ProofForeignKey[];
  /** Those that are enabled. */
  readonly triggers: readonly ProofTrigger[];
  /** Columns of unique indexes, partial ones included. */
  readonly uniques: readonly (readonly string[])[];
  /** Columns by which no two rows are the same. */
  readonly keys: readonly (readonly string[])[];
  /** A view's query. */
  readonly definition: string | null;
  /** What it is a partition or a child of, and what that is. */
  readonly ancestors: readonly QualifiedName[];
  /** `CREATE RULE …` of its rules, but for a view's query. */
  readonly rules: readonly ProofRule[];
}

export interface ProofRule {
  readonly name: string;
  readonly event: "select" | "insert" | "update" | "delete";
  readonly definition: string;
}

export interface ProofFunction extends QualifiedName {
  readonly language: string;
  readonly source: string;
  /** `begin atomic … end` or `return …`, as Postgres prints it. */
  readonly sqlBody: string | null;
  readonly definer: boolean;
  readonly owner: string;
  readonly settings: readonly string[];
  readonly volatility: "immutable" | "stable" | "volatile";
  readonly strict: boolean;
  readonly returnsSet: boolean;
  readonly returns: string;
  readonly argumentNames: readonly string[];
  readonly argumentTypes: readonly string[];
  /** A setting of the database or of a role says whether a name is a variable or a column. */
  readonly choosesNames: boolean;
  /** An operator, a cast, a domain or an aggregate calls it, so that who calls it need not name it. */
  readonly unnamed: boolean;
  /** Expressions of arguments that a call may leave out. */
  readonly defaults: string | null;
  /** Expressions of the defaults, `null` where an argument has none; absent: no argument has one. */
  readonly argumentDefaults?: readonly (string | null)[] | null | undefined;
}

/** What its name alone tells apart. */
export interface FunctionNames {
  readonly volatile: readonly string[];
  readonly aggregates: readonly string[];
  readonly sets: readonly string[];
  readonly ownAggregates: readonly string[];
  /** Types, and configurations of text search. */
  readonly others: readonly QualifiedName[];
}

/** All that the analysis knows of a database, and how names are looked up in it. */
export class Schema {
  readonly #relations: ReadonlyMap<string, ProofRelation>;
  readonly #named: ReadonlyMap<string, readonly ProofRelation[]>;
  readonly #functions: ReadonlyMap<string, readonly ProofFunction[]>;
  readonly #path: readonly string[];
  readonly #kin = new Map<ProofRelation, readonly ProofRelation[]>();
  /** Types, and configurations of text search. */
  readonly others: readonly QualifiedName[];
  /** Functions that are called without their name. */
  readonly unnamed: readonly ProofFunction[];
  /** Built-in functions whose answer may change from call to call. */
  readonly volatileBuiltins: ReadonlySet<string>;
  /** Aggregates and window functions, built in or not: what they say of fewer rows may be anything. */
  readonly aggregates: ReadonlySet<string>;
  /** Functions that return several rows, or none, built in or not. */
  readonly sets: ReadonlySet<string>;
  /** Aggregates that are made of functions of the database's own, in which anything may be read. */
  readonly ownAggregates: ReadonlySet<string>;

  constructor(
    relations: readonly ProofRelation[],
    functions: readonly ProofFunction[],
    path: readonly string[],
    { volatile, aggregates, sets, ownAggregates, others }: FunctionNames,
  ) {
    this.others = others;
    this.#relations = new Map(relations.map((one) => [`${one.schema}.${one.name}`, one]));
    this.#named = grouped(relations, ({ name }) => name);
    this.#functions = grouped(functions, ({ name }) => name);
    this.unnamed = functions.filter((one) => one.unnamed);
    this.#path = path;
    this.volatileBuiltins = new Set(volatile);
    this.aggregates = new Set(aggregates);
    this.sets = new Set(sets);
    this.ownAggregates = new Set(ownAggregates);
  }

  get relations(): Iterable<ProofRelation> {
    return this.#relations.values();
  }

  get functions(): Iterable<ProofFunction> {
    return [...this.#functions.values()].flat();
  }

  relation(
    schema: string | undefined,
    name: string,
    path: readonly string[] = this.#path,
  ): ProofRelation | undefined {
    if (schema !== undefined) return this.#relations.get(`${schema}.${name}`);
    for (const one of path) {
      const found = this.#relations.get(`${one}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Every relation of that name, whatever its schema. */
  named(name: string): readonly ProofRelation[] {
    return this.#named.get(name) ?? [];
  }

  /** Relations that share rows with it: its ancestors and descendants, and of a view what it reads. */
  kin(relation: ProofRelation): readonly ProofRelation[] {
    const known = this.#kin.get(relation);
    if (known !== undefined) return known;
    const found = new Set([relation]);
    this.#kin.set(relation, [relation]);
    for (const one of this.relations) if (descends(one, relation) || descends(relation, one)) found.add(one);
    for (const one of relation.definition === null ? [] : namedIn(relation.definition, this))
      for (const each of this.kin(one)) found.add(each);
    this.#kin.set(relation, [...found]);
    return [...found];
  }

  /** Every function of that name, whatever its schema and arguments. */
  namesakes(name: string): readonly ProofFunction[] {
    return this.#functions.get(name) ?? [];
  }

  /**
   * The function that a call means; `undefined` where that is not certain.
   * @param rowOf the relation whose row is an argument as a whole: its type tells overloads apart
   */
  callee(names: readonly string[], count: number, rowOf?: ProofRelation): ProofFunction | undefined {
    const name = names.at(-1) ?? "";
    const schema = names.length > 1 ? names.at(-2) : undefined;
    const named = this.namesakes(name).filter((one) => schema === undefined || one.schema === schema);
    const exact = named.filter((one) => one.argumentTypes.length === count);
    const found = exact.length > 0 ? exact : named.filter((one) => defaultsFrom(one, count) !== undefined);
    const type = rowOf && `${rowOf.schema}.${rowOf.name}`;
    const taking =
      found.length > 1 && type !== undefined
        ? found.filter((one) => one.argumentTypes.includes(type))
        : found;
    return taking.length === 1 ? taking[0] : undefined;
  }

  /** By the types of its arguments, with defaults or as VARIADIC, a call of so many may mean another one. */
  hasRivals({ schema, name, argumentTypes }: ProofFunction): boolean {
    const count = argumentTypes.length;
    return this.namesakes(name).some(({ schema: other, argumentTypes: types, argumentDefaults }) => {
      if (other !== schema || types === argumentTypes) return false;
      const left = (argumentDefaults ?? []).slice(count);
      const isFilled = left.length > 0 && left.length === types.length - count && !left.includes(null);
      return isFilled || (types.at(-1)?.endsWith("[]") === true && count >= types.length - 1);
    });
  }
}

function descends({ ancestors }: ProofRelation, { schema, name }: ProofRelation): boolean {
  return ancestors.some((one) => one.schema === schema && one.name === name);
}

/** The query of a view as it is written, parsed once. */
export const viewStatements: (relation: ProofRelation) => readonly Node[] = perObject(
  ({ definition }: ProofRelation) => parseStatements(definition ?? ""),
);

/** The relations that a query names. */
function namedIn(query: string, schema: Schema): readonly ProofRelation[] {
  const found: ProofRelation[] = [];
  walk(parseStatements(query), (node) => {
    const { schemaname, relname } = part(node, "RangeVar") ?? {};
    const one = relname === undefined ? undefined : schema.relation(schemaname, relname);
    if (one !== undefined) found.push(one);
  });
  return found;
}

/** The arguments that a call leaves out, where the default of each is a constant: who evaluates it makes no difference. */
export function defaultsFrom(
  { argumentTypes, argumentDefaults, strict }: ProofFunction,
  count: number,
): readonly Node[] | undefined {
  if (strict || count > argumentTypes.length) return undefined;
  const left = (argumentDefaults ?? [])
    .slice(count)
    .map((one) => (one === null ? undefined : constantOf(one)));
  return left.length === argumentTypes.length - count && left.every((one) => one !== undefined)
    ? left
    : undefined;
}

function constantOf(expression: string): Node | undefined {
  const node = parseExpression(expression);
  return part(withoutCasts(node), "A_Const") === undefined ? undefined : node;
}
