import { type CallProposal, isDeclarable, type ObservedFunction } from "../init/calls.ts";
import type { InitPersona } from "../init/personas.ts";
import type { MatrixHead } from "../init/text.ts";
import { answersIn } from "../model/answered.ts";
import { raisedOnPurpose } from "../model/answers.ts";
import type { Finding } from "../model/finding.ts";
import { signatureOf, typedName } from "../model/routine.ts";
import type { ScannedCell } from "../scan/access-map.ts";
import type { Questions, SystemFacts } from "./init-ask.ts";

/** A cell's record as the run made it. */
type CellRecord = ScannedCell["record"];

/** Functions that the run asks to be declared: one call of each, as every persona. */
export class CallObservation {
  readonly #facts: SystemFacts;
  readonly #personas: readonly InitPersona[];
  readonly #asks: Questions;
  /** Records of cells that did not pass, by id. */
  readonly #probe: (ids: readonly string[]) => Promise<ReadonlyMap<string, CellRecord>>;
  readonly #calls = new Map<string, ObservedFunction & { readonly by: Map<string, CallProposal> }>();
  /** Functions of which no call could be declared. */
  readonly #unread = new Set<string>();

  constructor(
    facts: SystemFacts,
    personas: readonly InitPersona[],
    asks: Questions,
    probe: (ids: readonly string[]) => Promise<ReadonlyMap<string, CellRecord>>,
  ) {
    this.#facts = facts;
    this.#personas = personas;
    this.#asks = asks;
    this.#probe = probe;
  }

  get parts(): { readonly calls: readonly ObservedFunction[]; readonly functions: readonly string[] } {
    return { calls: [...this.#calls.values()], functions: [...this.#unread] };
  }

  cells(): readonly { readonly id: string; readonly name: string }[] {
    return [...this.#calls.keys()].flatMap((name) =>
      this.#personas.map(({ name: persona }) => ({ id: `${persona}/${name}/execute`, name })),
    );
  }

  /** What becomes of one call of each function that runs with its owner's rights, or that a finding names. */
  async declare(findings: readonly Finding[]): Promise<MatrixHead["questions"]> {
    const named = new Map(findings.filter(isOfFunction).map((one) => [one.function, one]));
    const found = this.#facts.catalog.routines.filter((one) => named.has(signatureOf(one)));
    const roles = this.#personas.map(({ declaration }) =>
      String(declaration["role"] ?? declaration["login"]),
    );
    const open = new Map<string, OpenCall>();
    for (const routine of found) {
      const name = typedName(routine);
      const call = isDeclarable(routine, roles, this.#facts.exposes)
        ? await this.#asks.argumentsOf(routine, this.#facts.schema)
        : undefined;
      if (call === undefined) this.#unread.add(name);
      if (call === undefined || this.#calls.has(name)) continue;
      const finding = named.get(signatureOf(routine));
      const reached = finding !== undefined && "personas" in finding ? finding.personas : [];
      const by = new Map(reached.map((one): [string, CallProposal] => [one, { kind: "allow", any: true }]));
      this.#calls.set(name, { name, routine, call, by, raises: [] });
      for (const { name: persona } of this.#personas)
        open.set(`${persona}/${name}/execute`, { name, persona });
    }
    await this.#observe(open);
    this.#leaveUnread();
    return definerQuestions(found.flatMap((one) => named.get(signatureOf(one)) ?? []));
  }

  /** Refused; else let through; else refused beside the calls that are let through; else waived. */
  async #observe(open: ReadonlyMap<string, OpenCall>): Promise<void> {
    if (open.size === 0) return;
    const failed = await this.#probe([...open.keys()]);
    for (const [id, record] of await this.#withRaises(failed, open)) {
      const was = this.#said(open, id);
      if (was !== undefined || record.verdict === "inconclusive") this.#waive(open, id, record);
      else this.#say(open, id, { kind: "allow" });
    }
    const said = [...open.keys()].filter((id) => this.#said(open, id) !== undefined);
    const refused: string[] = [];
    for (const [id, record] of said.length === 0 ? [] : await this.#probe(said)) {
      if (record.verdict === "lockout") refused.push(id);
      else this.#waive(open, id, record);
    }
    for (const id of refused) this.#say(open, id, { kind: "deny" });
    for (const id of refused.length === 0 ? [] : (await this.#probe(refused)).keys())
      this.#say(open, id, {
        kind: "deny",
        waived: "refused at rowgate init, and no call shows by what",
      });
  }

  #said(open: ReadonlyMap<string, OpenCall>, id: string): CallProposal | undefined {
    const { name = "", persona = "" } = open.get(id) ?? {};
    return this.#calls.get(name)?.by.get(persona);
  }

  #say(open: ReadonlyMap<string, OpenCall>, id: string, proposal: CallProposal): void {
    const { name = "", persona = "" } = open.get(id) ?? {};
    this.#calls.get(name)?.by.set(persona, proposal);
  }

  #waive(open: ReadonlyMap<string, OpenCall>, id: string, record: CellRecord): void {
    const kind = record.verdict === "error" ? "allow" : "deny";
    this.#say(open, id, { kind, ...this.#said(open, id), waived: whyWaived(record) });
  }

  /** A body that raises on purpose refuses: what could not be decided for it is asked again with its codes declared. */
  async #withRaises(
    failed: ReadonlyMap<string, CellRecord>,
    open: ReadonlyMap<string, OpenCall>,
  ): Promise<ReadonlyMap<string, CellRecord>> {
    const raising = new Set<string>();
    for (const [id, { channels }] of failed) {
      const of = this.#calls.get(open.get(id)?.name ?? "");
      const seen = channels.direct?.observation;
      if (of === undefined || seen === undefined) continue;
      const codes = answersIn(seen).flatMap(({ code }) =>
        code !== null && raisedOnPurpose.test(code) ? [code] : [],
      );
      if (codes.length === 0) continue;
      this.#calls.set(of.name, { ...of, raises: [...new Set([...of.raises, ...codes])].toSorted() });
      raising.add(of.name);
    }
    const again = [...open].flatMap(([id, { name }]) => (raising.has(name) ? [id] : []));
    if (again.length === 0) return failed;
    const others = [...failed].filter(([id]) => !again.includes(id));
    return new Map([...others, ...(await this.#probe(again))]);
  }

  /** Of which no call showed anything for any persona: one line says so as well. */
  #leaveUnread(): void {
    for (const [name, { by }] of this.#calls)
      if (by.size === this.#personas.length && [...by.values()].every(({ waived }) => waived !== undefined)) {
        this.#calls.delete(name);
        this.#unread.add(name);
      }
  }

  /** A call that went through leaks where other arguments of it show more. */
  waive(record: ScannedCell["record"]): MatrixHead["questions"] {
    const of = this.#calls.get(`${record.schema}.${record.relation}`);
    const was = of?.by.get(record.persona);
    if (was?.kind === "allow" && was.any !== true && record.verdict === "leak") {
      of?.by.set(record.persona, { kind: "allow", any: true });
      return [
        [
          `${record.persona} may call ${of?.name ?? ""} with others' arguments, and it shows more - intended?`,
        ],
      ];
    }
    of?.by.set(record.persona, { kind: "deny", ...was, waived: whyWaived(record) });
    return [];
  }
}

type FunctionFinding = Extract<
  Finding,
  { readonly kind: "undeclared-definer" | "undeclared-identity-setter" | keyof typeof verbOf }
>;

interface OpenCall {
  readonly name: string;
  readonly persona: string;
}

function isOfFunction(one: Finding): one is FunctionFinding {
  return (
    one.kind === "undeclared-definer" ||
    one.kind === "undeclared-identity-setter" ||
    one.kind === "argument-leak" ||
    one.kind === "argument-answer" ||
    one.kind === "argument-writes"
  );
}

/** Those that the same roles may execute are one question; what a call does with others' rows is one by itself. */
function definerQuestions(findings: readonly FunctionFinding[]): MatrixHead["questions"] {
  const byRoles = new Map<string, string[]>();
  const single: (readonly string[])[] = [];
  for (const one of findings)
    if (one.kind === "undeclared-definer" || one.kind === "undeclared-identity-setter") {
      const what = one.kind === "undeclared-definer" ? "SECURITY DEFINER" : "which may set who asks";
      const who = `${one.roles.join(", ")}\n${what}`;
      byRoles.set(who, [...(byRoles.get(who) ?? []), one.function]);
    } else
      single.push([
        `${one.personas.join(", ")}: ${one.function} ${verbOf[one.kind]} ${one.relation} - intended?`,
        one.sql,
      ]);
  return [
    ...single,
    ...[...byRoles].map(([key, names]) => {
      const [who, what] = key.split("\n");
      return [
        `${who} may execute ${names.length === 1 ? names[0] : `${names.length} functions`}, ${what} - intended?`,
        ...(names.length === 1 ? [] : names),
      ];
    }),
  ];
}

const verbOf: Readonly<Record<"argument-leak" | "argument-answer" | "argument-writes", string>> = {
  "argument-leak": "returns hidden rows of",
  "argument-answer": "answers from hidden rows of",
  "argument-writes": "changes rows of others in",
};

export function whyWaived({ verdict, channels }: CellRecord): string {
  const erring = [channels.direct, channels.rest].find((one) => one?.verdict === verdict);
  const because = verdict === "error" ? erring?.because : undefined;
  return `${verdict} at rowgate init${because === undefined ? "" : `: ${because}`}`;
}
