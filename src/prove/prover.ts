import type { Node } from "libpg-query";
import type { Client } from "pg";
import { loadParser } from "../lib/sql-tree.ts";
import type { ProofAnswer as Answer, SeededRow } from "../model/proof.ts";
import { readSchema } from "./ask/read-schema.ts";
import { Material } from "./ask/material.ts";
import { type Asking, ProofSession } from "./ask/session.ts";
import { type ActingAs, type Patience, privileged } from "./ask/step.ts";
import { proveCell } from "./cell.ts";
import type { ProofCell } from "./proof-cell.ts";
import { type Context, personaAnswers } from "./context.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import { undecided } from "./compared.ts";
import { Knowledge } from "./knowledge.ts";
import type { AnswersOfProver, KnownAnswers } from "./known-answers.ts";
import { type Lacking, seededRows } from "./seeded.ts";
import type { Turns } from "../lib/turns.ts";
import { formatQualified, type QualifiedName } from "../lib/sql-text.ts";
import { changesBehind, type ShownBy } from "./changed-behind.ts";
import { type RowToPutIn, rowsToPutIn, type WantedRows } from "./put-in.ts";
import { type CallOf, rowsBehind } from "./other-rows.ts";
import { type OtherToken, tokensAskedBy } from "./other-tokens.ts";
import type { Writing } from "./analyse/writes.ts";
import { callOf } from "./analyse/tree.ts";
import { strangersValue, tellingIdentities } from "./own.ts";

/** A persona as its session is: role, settings (claims among them), and what names it. */
export interface ProofPersona {
  readonly name: string;
  readonly role: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Values of claims and settings that are the persona's own: its id, its address. */
  readonly identities: readonly string[];
}

export interface ProofRequest extends ProofCell {
  readonly persona: ProofPersona;
}

export interface ProverOptions {
  /** A separate privileged connection for each set of setting names: what was set once is '' afterwards, and not NULL. */
  readonly open: () => Promise<Client>;
  readonly close: (client: Client) => Promise<void>;
  readonly heldClaims: ReadonlySet<string>;
  /** All personas, as their sessions are: what their tokens hold is settled by their own cells. */
  readonly personas?: readonly ActingAs[];
  /** What names the personas in rows. */
  readonly identities?: readonly string[];
  /** Schemas that a request may ask for. */
  readonly exposes?: readonly string[];
  readonly statementTimeoutMs?: number;
  /** Shared by who asks the same database meanwhile. */
  readonly turns?: Turns | undefined;
  /** Of provers before, where nothing has changed since. */
  readonly known?: KnownAnswers | undefined;
}

const timeoutMs = 5_000;

interface Opened {
  readonly session: ProofSession;
  readonly client: Client;
  readonly relations: Map<ProofRelation, Asking>;
}

/** Proves cells of one database, in transactions that are undone. */
export class Prover implements AsyncDisposable {
  readonly #options: ProverOptions;
  readonly #knowledge: Knowledge;
  readonly #known: AnswersOfProver | undefined;
  readonly #sessions = new Map<string, Promise<Opened>>();
  readonly #patience = new Map<ProofRelation, Patience>();
  readonly #acting = new Map<string, ActingAs>();
  /** What asks of the token beside policies: known for each persona. */
  readonly #asking = new Map<string, Node>();

  private constructor(options: ProverOptions, knowledge: Knowledge) {
    this.#options = options;
    this.#knowledge = knowledge;
    this.#known = options.known?.of(options);
  }

  static async open(options: ProverOptions): Promise<Prover> {
    await loadParser();
    const read = (): Promise<Knowledge> => readKnowledge(options);
    return new Prover(options, await (options.known?.read(["knowledge", options.exposes], read) ?? read()));
  }

  /** Answers in the order of the requests. What can be asked together is. */
  prove(requests: readonly ProofRequest[]): Promise<readonly Answer[]> {
    return Promise.all(requests.map((one) => this.#known?.get(one) ?? this.#proveAnew(one)));
  }

  async #proveAnew(request: ProofRequest): Promise<Answer> {
    const answer = await this.#prove(request);
    this.#known?.keep(request, answer);
    return answer;
  }

  /** Puts in the rows that the data lacks, and sees that what is declared holds with them: `undefined` where it could not be shown. */
  async seed(request: ProofRequest, lacking: Lacking): Promise<readonly SeededRow[] | undefined> {
    const context = await this.#contextOf(request);
    return context && seededRows(context, request, lacking);
  }

  /** Rows of a table to try where the data lacks one, and the statements that put them in. */
  async rowsToPutIn(
    persona: ProofPersona,
    relation: QualifiedName,
    wanted: WantedRows,
  ): Promise<readonly RowToPutIn[]> {
    const context = await this.#contextOf({ persona, relation });
    return context === undefined ? [] : rowsToPutIn(context, wanted);
  }

  /** Rows of others by which a view, or a call, would have a row more; `relation`: the view, or what holds the rows of the call. */
  async rowsBehind(
    persona: ProofPersona,
    relation: QualifiedName,
    call: CallOf | undefined,
  ): Promise<readonly RowToPutIn[]> {
    const context = await this.#contextOf({ persona, relation });
    return context === undefined ? [] : rowsBehind(context, call);
  }

  /** Changes of rows by which a view, or a call, would show more than its row set; `relation`: what holds these rows. */
  async changesBehind(
    persona: ProofPersona,
    relation: QualifiedName,
    predicate: string,
    shown: ShownBy,
  ): Promise<readonly RowToPutIn[]> {
    const context = await this.#contextOf({ persona, relation });
    return context === undefined ? [] : changesBehind(context, predicate, shown);
  }

  /** Tokens by which a call might answer otherwise, or the relation, where it is a view, or has triggers for the event. */
  async otherTokens(
    persona: ProofPersona,
    relation: QualifiedName,
    { called, event }: { readonly called?: QualifiedName | undefined; readonly event?: Writing | undefined },
  ): Promise<readonly OtherToken[]> {
    const { schema } = this.#knowledge;
    // A call is about no relation; any will do.
    const [any] = schema.relations;
    const context = await this.#contextOf({
      persona,
      relation: called === undefined ? relation : (any ?? relation),
    });
    if (context === undefined) return [];
    const key = JSON.stringify(called === undefined ? [relation.schema, relation.name, event] : called);
    const places = this.#asking.get(key) ?? this.#askingOf(context.space.relation, { called, event });
    this.#asking.set(key, places);
    return tokensAskedBy(context, places);
  }

  /** The view, the triggers' functions, or the function that is called. */
  #askingOf(
    { schema, name, definition, triggers }: ProofRelation,
    { called, event }: { readonly called: QualifiedName | undefined; readonly event: Writing | undefined },
  ): Node {
    const fired = triggers.filter(({ events }) => event !== undefined && events.includes(event));
    const functions = called === undefined ? fired.map((one) => one.function) : [called];
    const calls = functions.flatMap((one) =>
      this.#knowledge.schema
        .namesakes(one.name)
        .filter((fn) => fn.schema === one.schema)
        .map(({ argumentTypes }) =>
          callOf(
            one,
            argumentTypes.map(() => null),
          ),
        ),
    );
    const isView = called === undefined && definition !== null;
    const view: readonly Node[] = isView ? [{ RangeVar: { schemaname: schema, relname: name } }] : [];
    return { List: { items: [...view, ...calls] } };
  }

  /** In each state that functions may have left the session in: an answer that proves nothing is the one that counts. */
  async #prove(request: ProofRequest): Promise<Answer> {
    const { relation, persona } = request;
    const own = this.#knowledge.schema.relation(relation.schema, relation.name);
    const left = own && this.#knowledge.leftBehind(own);
    const lacking = left?.names.filter((name) => !(name in persona.settings)) ?? [];
    const answer = await this.#proveOnce(request);
    if (lacking.length === 0 || !isSettled(answer)) return answer;
    if (left?.calls !== undefined)
      return undecided(
        `${formatQualified(left.calls)} sets ${lacking.join(", ")} while policies read it`,
        "nullif(current_setting(…, true), '') in a policy without that function, or a waiver with a reason",
      );
    const empty = Object.fromEntries(lacking.map((name) => [name, ""]));
    return this.#proveOnce({
      ...request,
      persona: { ...persona, settings: { ...persona.settings, ...empty } },
    });
  }

  async #proveOnce(request: ProofRequest): Promise<Answer> {
    const context = await this.#contextOf(request);
    if (context === undefined) return { kind: "not-asked", because: "the relation is not in the catalogue" };
    const answer = await proveCell(context, request);
    const { relation } = context.space;
    if (answer.kind !== "undecided" || !this.#patienceWith(relation).timedOut) return answer;
    return undecided(
      `the policies of ${formatQualified(relation)} take longer than ${this.#timeoutMs} ms`,
      "a policy that is faster, or a higher statement_timeout of the target",
    );
  }

  async #contextOf({
    persona,
    relation: info,
    raises = [],
  }: {
    readonly persona: ProofPersona;
    readonly relation: QualifiedName;
    readonly raises?: readonly string[] | undefined;
  }): Promise<Context | undefined> {
    const relation = this.#knowledge.schema.relation(info.schema, info.name);
    if (relation === undefined) return undefined;
    const session = await this.#session(persona, relation);
    const as = this.#actingAs(persona);
    const space = {
      session,
      relation,
      material: new Material(session, this.#knowledge.schema.relations),
      checks: this.#knowledge.checks(relation),
      fixed: new Map<string, string | null>(),
    };
    return {
      knowledge: this.#knowledge,
      session,
      space,
      as,
      identities: persona.identities,
      everybody: this.#options.identities ?? persona.identities,
      stranger: strangerOf(as, persona.identities),
      answer: personaAnswers(session, as),
      raises,
      full: privileged,
      heldClaims: this.#options.heldClaims,
      personas: this.#options.personas ?? [],
    };
  }

  /** The same one for each cell: what is known of it is known by that. */
  #actingAs({ role, settings }: ProofPersona): ActingAs {
    const as: ActingAs = { role, settings: Object.entries(settings).toSorted(byName) };
    const key = JSON.stringify(as);
    const known = this.#acting.get(key) ?? as;
    this.#acting.set(key, known);
    return known;
  }

  async #session({ settings }: ProofPersona, relation: ProofRelation): Promise<Asking> {
    const names = Object.keys(settings);
    // Where nothing was set yet, no other relation's functions may set it.
    const alone = this.#knowledge.leftBehind(relation).names.some((name) => !names.includes(name));
    const key = [...names.toSorted(), ...(alone ? [`of ${formatQualified(relation)}`] : [])].join();
    let opened = this.#sessions.get(key);
    if (opened === undefined) {
      opened = this.#open();
      this.#sessions.set(key, opened);
    }
    const { session, relations } = await opened;
    let own = relations.get(relation);
    if (own === undefined) {
      own = session.about(this.#patienceWith(relation));
      relations.set(relation, own);
    }
    return own;
  }

  #patienceWith(relation: ProofRelation): Patience {
    let patience = this.#patience.get(relation);
    if (patience === undefined) {
      patience = { timedOut: false };
      this.#patience.set(relation, patience);
    }
    return patience;
  }

  async #open(): Promise<Opened> {
    const client = await this.#options.open();
    const session = new ProofSession(client, this.#timeoutMs, {
      turns: this.#options.turns,
      keepsPlans: this.#knowledge.keepsPlans,
      skeletonOf: (...expression) => this.#knowledge.skeleton(...expression),
    });
    await session.begin();
    return { session, client, relations: new Map() };
  }

  get #timeoutMs(): number {
    return this.#options.statementTimeoutMs ?? timeoutMs;
  }

  get roundTrips(): Promise<number> {
    return Promise.all(this.#sessions.values()).then((all) =>
      all.reduce((sum, { session }) => sum + session.roundTrips, 0),
    );
  }

  async close(): Promise<void> {
    for (const opened of this.#sessions.values()) {
      const { session, client } = await opened;
      await session.end().catch(() => {});
      await this.#options.close(client);
    }
    this.#sessions.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function readKnowledge({ open, close, exposes }: ProverOptions): Promise<Knowledge> {
  const client = await open();
  try {
    return new Knowledge(await readSchema(client), exposes);
  } finally {
    await close(client);
  }
}

function isSettled({ kind }: Answer): boolean {
  return kind === "all-rows" || kind === "keys-that-exist";
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

/** The same role and claims, with another identity in them. */
function strangerOf(as: ActingAs, identities: readonly string[]): ActingAs | undefined {
  const own = tellingIdentities(identities);
  if (own.length === 0) return undefined;
  const settings = as.settings.map(([name, value]): readonly [string, string] => [
    name,
    own.reduce((text, one) => text.replaceAll(one, strangersValue(one)), value),
  ]);
  return { role: as.role, settings };
}
