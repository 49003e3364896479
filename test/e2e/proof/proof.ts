import { afterAll, beforeAll } from "vitest";
import { IssuesError, RowgateError } from "../../../src/model/errors.ts";
import type { Chain, Finding } from "../../../src/model/finding.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import { prove } from "../../support/prove.ts";
import type { Case, Proof, Side, Want } from "./case.ts";

const ana = "11111111-1111-4111-8111-111111111111";
const luis = "22222222-2222-4222-8222-222222222222";
const people: Readonly<Record<string, string>> = {
  ana: `{ role: authenticated, claims: { sub: ${ana} } }`,
  luis: `{ role: authenticated, claims: { sub: ${luis} } }`,
  anon: "{ role: anon }",
  service: "{ role: service_role }",
};

/** Shows on the rest channel that `sub` arrives: without such a cell no deny of a persona with one is believed there. */
const witness = {
  sql: `create table witness (owner uuid primary key);
    alter table witness enable row level security;
    create policy own on witness for select to authenticated using (owner = auth.uid());
    grant select on witness to authenticated;
    insert into witness values ('${ana}'), ('${luis}');`,
  relation: (names: readonly string[]) =>
    `witness: { rows: { own: "owner = :sub" }, expect: { ${names.map((name) => `${name}: { select: own }`).join(", ")} } }\n`,
};

const signedInOnly = `do $$ declare one regprocedure; begin
    for one in select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where n.nspname !~ '^(pg_|information_schema|auth)' and p.prokind = 'f'
                 and coalesce((select bool_or(g.grantee = 0) from aclexplode(p.proacl) g), true) loop
      execute format('revoke execute on function %s from public, anon', one);
      execute format('grant execute on function %s to authenticated, service_role', one);
    end loop;
  end $$;`;

/** The server of a test file. */
export function oneServer(): () => EmbeddedServer {
  let server: EmbeddedServer | undefined;
  beforeAll(async () => {
    server = await startEmbedded();
  });
  afterAll(async () => {
    await server?.stop();
  });
  return () => {
    if (server === undefined) throw new Error("the server starts before the first test");
    return server;
  };
}

/** What a run told of a case, as far as the case asks. */
export interface Told {
  /** Cells that did not pass: all of them. */
  readonly failing: Readonly<Record<string, string>>;
  readonly findings: readonly string[];
  readonly exit: number;
  /** What the case wants to be said, and was not. */
  readonly unsaid: readonly string[];
}

export function wanted({ side, exit }: Proof): Told {
  // A cell of which only its reason is wanted passes.
  const failing = Object.entries(side.want ?? {})
    .map(([id, one]) => [id, shown(one)])
    .filter(([, verdict]) => verdict !== "");
  return {
    failing: Object.fromEntries(failing) as Told["failing"],
    findings: side.findings ?? [],
    exit: side.exit ?? exit,
    unsaid: [],
  };
}

export async function told(server: EmbeddedServer, { one, side }: Proof): Promise<Told> {
  const found = await probe(server, one, side);
  return { failing: found.failing, findings: found.findings, exit: found.exit, unsaid: unsaid(found, side) };
}

function unsaid(found: Found, { stops, want, notOn }: Side): readonly string[] {
  return [
    ...(stops === undefined && found.said !== "" ? [`it stopped: ${found.said}`] : []),
    ...missing(found.said, stops ?? ""),
    ...Object.entries(want ?? {}).flatMap(([id, one]) =>
      typeof one === "object" && one.because !== undefined ? missing(found.because.get(id), one.because) : [],
    ),
    ...Object.entries(notOn ?? {}).flatMap(([id, why]) => missing(found.notOn.get(id), why)),
  ];
}

function missing(said: string | undefined, part: string): readonly string[] {
  return said?.includes(part) === true ? [] : [`“${part}” in “${said ?? ""}”`];
}

function shown(want: Want): string {
  if (typeof want === "string") return want;
  const channels = [want.direct && `direct ${want.direct}`, want.rest && `rest ${want.rest}`];
  return [want.cell, ...channels].filter((text) => text !== undefined && text !== "").join(", ");
}

/** Nearly every case has functions of its own: the note about them is compared where a case speaks of it. */
function isAsked({ findings: asked }: Side): (finding: Finding) => boolean {
  // An empty list asks for every kind, and that there is none.
  if (asked?.length === 0) return () => true;
  const findings = asked ?? [];
  const unlessAsked = new Set([
    "undeclared-function",
    "sequences-advanced",
    "cascades-past-a-deny",
    "forbidden-update-untested",
    "argument-untested",
    "unprobed-role",
    "opens-by-declared-step",
  ]);
  return ({ kind }) => !unlessAsked.has(kind) || findings.some((text) => text.startsWith(kind));
}

/** `ana: <step>, then <step> → <the first thing that it opens>`. */
function chainOf({ personas, steps, gains }: Pick<Chain, "personas" | "steps" | "gains">): string {
  const text = `${personas.join(", ")}: ${steps.join(", then ")} → ${gains[0]?.what ?? ""}`;
  return text.replaceAll(ana, "{ana}").replaceAll(luis, "{luis}");
}

interface Found {
  readonly failing: Readonly<Record<string, string>>;
  readonly because: ReadonlyMap<string, string>;
  readonly notOn: ReadonlyMap<string, string>;
  readonly findings: readonly string[];
  readonly exit: number;
  readonly said: string;
}

async function probe(server: EmbeddedServer, one: Case, side: Side): Promise<Found> {
  const names = one.personas ?? ["ana", "luis"];
  const personas = names.map((name) => `  ${name.includes(":") ? name : `${name}: ${people[name] ?? ""}`}\n`);
  const signedIn = names.filter((name) => name === "ana" || name === "luis");
  const witnessed =
    one.withoutRest !== true && one.channels?.includes("rest") !== false && signedIn.length > 0;
  const declared = `${side.relations ?? one.relations ?? ""}\n${witnessed ? witness.relation(signedIn) : ""}`;
  const relations = declared.replaceAll(/^(?=.)/gm, "  ");
  const called = side.functions ?? one.functions;
  const functions = called === undefined ? "" : `functions:\n${called.replaceAll(/^(?=.)/gm, "  ")}`;
  const matrix = `matrix: case\n${one.matrix ?? ""}\npersonas:\n${personas.join("")}${relations.trim() === "" ? "" : `relations:\n${relations}`}${functions}`;
  const fill = (text: string): string => text.replaceAll("{ana}", ana).replaceAll("{luis}", luis);
  const sql = fill(
    `${witnessed ? witness.sql : ""}\n${one.sql ?? ""}\n${side.sql ?? ""}\n${one.signedInOnly === true ? signedInOnly : ""}`,
  );
  try {
    const { run, cells } = await prove({ server, ...one, sql, matrix: fill(matrix) });
    const all = [...cells.values()].map((cell) => ({ ...cell, id: cell.id.replace("/public.", "/") }));
    const wants = { ...side.want };
    const failing = all.filter(({ verdict }) => verdict !== "pass");
    return {
      failing: Object.fromEntries(
        failing.map(({ id, verdict, channels }) => {
          const { direct, rest } = channels;
          const each = { cell: verdict, direct: direct?.verdict, rest: rest?.verdict };
          const asked = wants[id];
          if (typeof asked !== "object") {
            const same = [direct, rest].every((judged) => judged === undefined || judged.verdict === verdict);
            return [id, same ? verdict : shown(each as Want)];
          }
          const parts = Object.entries(each).filter(([key]) => key in asked);
          return [id, shown(Object.fromEntries(parts) as Want)];
        }),
      ),
      because: new Map(
        all.map(({ id, channels }) => [
          id,
          Object.entries(channels)
            .map(([name, { because }]) => `${name}: ${because}`)
            .join("\n"),
        ]),
      ),
      notOn: new Map(all.map(({ id, notOn }) => [id, Object.values(notOn).join("; ")])),
      findings: run.findings
        .filter(isAsked(side))
        .map(({ kind, ...about }) =>
          [
            kind,
            "relation" in about ? about.relation : "",
            "function" in about ? about.function : "",
            kind === "unprobed-role" && "role" in about ? about.role : "",
            "way" in about ? `${about.way} ${about.place}` : "",
            "steps" in about ? chainOf(about) : "",
            kind === "may-become-not-reached" && "cell" in about ? about.cell : "",
          ]
            .filter((text) => text !== "")
            .join(" "),
        ),
      exit: run.exitCode,
      said: "",
    };
  } catch (error) {
    if (!(error instanceof RowgateError)) throw error;
    const issues = error instanceof IssuesError ? error.issues : [];
    const said = [error.message, ...issues.map(({ message }) => message)].join("\n");
    return { failing: {}, because: new Map(), notOn: new Map(), findings: [], exit: 2, said };
  }
}
