import type { Node } from "libpg-query";
import { columnOf } from "./comparable.ts";
import { doubt, type Doubt, type DoubtKind } from "./doubt.ts";
import type { Reading } from "./inline.ts";
import { type Place, valuesQuery } from "./place.ts";
import type { Question } from "./question.ts";
import type { ProofColumn, ProofRelation } from "./schema.ts";
import { type Seed, seedOf } from "./seeds.ts";
import { readsRow, rowColumns } from "./tree.ts";
import { isAggregated } from "./widen.ts";

/** More values than this are not compared one by one. */
export const valueLimit = 100_000;

/** What a column is compared with: all of it is asked of the database. */
export interface Source {
  readonly question: Question;
  /** The same, leaving out what is no value of the column's type. */
  readonly lenient: Question;
  /** Compared without regard to case. */
  readonly folded: boolean;
}

export interface ColumnUse {
  readonly sources: Source[];
  /** Compared by < and >, so that what lies between two values matters. */
  ordered: boolean;
  /** Columns that it is compared with, itself included. */
  group: ReadonlySet<string>;
  /** A function that cannot be looked into takes it: keys of other tables are worth a try. */
  keyed: boolean;
}

/** A part of an expression that AND, OR and the like put together, and that reads the row. */
export interface Atom {
  readonly tree: Node;
  readonly columns: ReadonlySet<string>;
  /** Empty: it depends on the row only by comparisons with values that can be asked for. */
  readonly doubts: readonly Doubt[];
  readonly needs: readonly Source[];
}

export interface Critical {
  readonly atoms: readonly Atom[];
  readonly columns: ReadonlyMap<string, ColumnUse>;
  readonly seeds: readonly Seed[];
}

export type Position = "boolean" | "scalar";

/** Keeps what is found while an expression is read. */
export abstract class Recorder {
  protected readonly relation: ProofRelation;
  protected readonly reading: Reading;
  protected readonly columns: Map<string, ColumnUse> = new Map();
  protected readonly seeds: Seed[] = [];
  protected doubts: Doubt[] = [];
  protected needs: Source[] = [];
  /** Texts may be compared by a collation for which `a` and `A` are the same, because another table's column has it. */
  protected meetsOtherCollation = false;

  constructor(relation: ProofRelation, reading: Reading) {
    this.relation = relation;
    this.reading = reading;
  }

  /** Does the value depend on the row only by what is compared? */
  protected abstract decide(node: Node | undefined, place: Place, position: Position): boolean;

  protected no(kind: DoubtKind, node: Node | undefined): false {
    this.doubts.push(doubt(kind, node));
    return false;
  }

  protected column(name: string): ProofColumn | undefined {
    return columnOf(this.relation, name);
  }

  protected use(name: string): ColumnUse {
    let use = this.columns.get(name);
    if (use === undefined) {
      use = { sources: [], ordered: false, group: new Set([name]), keyed: false };
      this.columns.set(name, use);
    }
    return use;
  }

  protected quietly(work: () => boolean): boolean {
    const [doubts, needs] = [this.doubts, this.needs];
    this.doubts = [];
    this.needs = [];
    const decided = work();
    this.doubts = doubts;
    this.needs = decided ? [...needs, ...this.needs] : needs;
    return decided;
  }

  protected addSource(column: ProofColumn, inner: string, { actor }: Place, folded: boolean): boolean {
    const { bounds } = this.reading;
    const limit = `limit ${valueLimit + 1}`;
    const type = column.type;
    // Text that is no value of the type equals none.
    const valid = `case when pg_input_is_valid(v::text, '${type.replaceAll("'", "''")}') then v::text::${type}::text end`;
    const source: Source = {
      question: bounds.question(actor, `select distinct v::${type}::text from (${inner}) as q(v) ${limit}`),
      lenient: bounds.question(actor, `select distinct ${valid} from (${inner}) as q(v) ${limit}`),
      folded,
    };
    this.use(column.name).sources.push(source);
    this.needs.push(source);
    return true;
  }

  /** A query of all values that it is compared with; of fewer rows an aggregate would say something else. */
  protected valuesOf(node: Node, place: Place, form: "value" | "array" | "query"): string | undefined {
    if (form !== "query" && isAggregated(node, this.reading)) return undefined;
    return valuesQuery(node, place, form);
  }

  /** Guesses for witnesses only, never for proofs. */
  protected sow(node: Node, beside: readonly Node[], place: Place, operator?: string): void {
    for (const name of rowColumns(node)) if (name !== "*") this.use(name);
    const questions = beside.flatMap((one): readonly Question[] => {
      const inner = readsRow(one) ? undefined : valuesQuery(one, place, "value");
      return inner === undefined
        ? []
        : [
            this.reading.bounds.question(
              place.actor,
              `select distinct v::text from (${inner}) as q(v) limit 300`,
            ),
          ];
    });
    this.seeds.push(seedOf(node, questions, operator));
  }

  protected all(list: readonly Node[] | undefined, place: Place, position: Position): boolean {
    return (list ?? []).map((one) => this.decide(one, place, position)).every(Boolean);
  }
}
