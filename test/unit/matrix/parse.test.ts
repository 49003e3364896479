import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SourcePosition } from "../../../src/model/errors.ts";
import { IssuesError } from "../../../src/model/errors.ts";
import { parseMatrix } from "../../../src/matrix/parse.ts";
import { isMatrix, outcome, today } from "./case.ts";

const text = `matrix: fne-lms
schema: platform
exposes: [platform, public]
policies: ../policies/fne-lms
vars: { school: 1, big: 12345678901234567890, price: 1.10, list: [1, two] }
personas:
  anon: { role: anon }
  nobody: { role: authenticated, claims: {} }
  ana: { role: authenticated, claims: { sub: u1, app_metadata: { school: 1 }, mfa: true, none: null } }
  worker: { role: app, login: app_login, settings: { app.user_id: u1, app.level: 1.10, app.on: true } }
  ext: { role: authenticated, token: '\${EXT_TOKEN}' }
relations:
  threads:
    key: [tenant, id]
    control: { from: public.messages }
    rows:
      own: |
        owner_id = :sub -- mine
        and true
    insert:
      probe: { id: 12345678901234567890, price: 1.10, hex: 0x1F, zip: 00701, on: true, none: null, meta: { by: ':sub', n: 1.50 }, tags: [a] }
    expect:
      '*': deny
      ana:
        select: { rows: own, waive: { reason: slow, expires: 2027-01-31 } }
        update: { rows: own, set: { price: 2.50 }, never: { away: { tenant: 2 } } }
waive:
  other.old: { reason: gone, expires: 2027-01-31 }
channels: [direct]
`;

describe("parseMatrix", () => {
  const matrix = parseMatrix(text, "m.yaml", today);
  test("the head", () => {
    expect(matrix).toMatchObject({
      name: "fne-lms",
      file: "m.yaml",
      sha256: createHash("sha256").update(text).digest("hex"),
      schema: "platform",
      exposes: ["platform", "public"],
      channels: ["direct"],
      policies: "../policies/fne-lms",
      vars: { school: 1, big: "12345678901234567890", price: "1.10", list: [1, "two"] },
    });
  });

  test("personas", () => {
    expect(matrix.personas).toEqual([
      {
        name: "anon",
        role: "anon",
        login: undefined,
        claims: undefined,
        settings: {},
        tokenFrom: undefined,
        at: at(7, 3),
      },
      {
        name: "nobody",
        role: "authenticated",
        login: undefined,
        claims: {},
        settings: {},
        tokenFrom: undefined,
        at: at(8, 3),
      },
      {
        name: "ana",
        role: "authenticated",
        login: undefined,
        claims: { sub: "u1", app_metadata: { school: 1 }, mfa: true, none: null },
        settings: {},
        tokenFrom: undefined,
        at: at(9, 3),
      },
      {
        name: "worker",
        role: "app",
        login: "app_login",
        claims: undefined,
        settings: { "app.user_id": "u1", "app.level": "1.10", "app.on": "true" },
        tokenFrom: undefined,
        at: at(10, 3),
      },
      {
        name: "ext",
        role: "authenticated",
        login: undefined,
        claims: undefined,
        settings: {},
        tokenFrom: "EXT_TOKEN",
        at: at(11, 3),
      },
    ]);
  });

  test("a relation", () => {
    const [relation] = matrix.relations;
    expect({ ...relation, declarations: [] }).toEqual({
      schema: "platform",
      name: "threads",
      at: at(13, 3),
      key: ["tenant", "id"],
      control: { from: { schema: "public", name: "messages" }, at: at(15, 22) },
      rowSets: [{ name: "own", predicate: "owner_id = :sub  \nand true", at: at(17, 12) }],
      candidates: [
        {
          name: "probe",
          values: {
            id: "12345678901234567890",
            price: "1.10",
            hex: 31,
            zip: "00701",
            on: true,
            none: null,
            meta: { by: ":sub", n: 1.5 },
            tags: ["a"],
          },
          at: at(21, 14),
        },
      ],
      declarations: [],
    });
  });

  test("declarations are whole", () => {
    const [relation] = matrix.relations;
    const rows = { kind: "rows", name: "own", predicate: "owner_id = :sub  \nand true" };
    expect(relation?.declarations.filter(({ persona }) => persona === "ana")).toEqual([
      {
        persona: "ana",
        operation: "select",
        expectation: rows,
        set: undefined,
        never: [],
        columns: [],
        waiver: { reason: "slow", expires: "2027-01-31", at: at(25, 37) },
        at: at(25, 17),
      },
      expect.objectContaining({ operation: "insert", expectation: { kind: "deny", reason: undefined } }),
      {
        persona: "ana",
        operation: "update",
        expectation: rows,
        set: { price: "2.50" },
        never: [{ name: "away", values: { tenant: 2 }, at: at(26, 67) }],
        columns: [],
        waiver: undefined,
        at: at(26, 17),
      },
      expect.objectContaining({ operation: "delete", at: at(23, 12) }),
    ]);
  });

  test("relations left out on purpose", () => {
    expect(matrix.waivedRelations).toEqual([
      { schema: "other", name: "old", reason: "gone", expires: "2027-01-31", at: at(28, 3) },
    ]);
  });

  test("defaults", () => {
    const small = outcome(
      "matrix: m\npersonas: { a: { role: r } }\nrelations: { t: { expect: { a: deny } } }\n",
    );
    expect(small).toMatchObject({
      schema: "public",
      exposes: ["public"],
      channels: ["direct", "rest"],
      policies: undefined,
      vars: {},
      waivedRelations: [],
    });
  });

  test("the digest is of the bytes, a byte order mark included", () => {
    const marked = outcome(`\uFEFF${text}`);
    const bytes = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]);
    expect(isMatrix(marked) && marked.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("the error holds every issue, and points to the first", () => {
    const broken = text.replace("role: anon", "role: 7").replace("fne-lms", "FNE");
    const error = throwsIssues(() => parseMatrix(broken, "dir/m.yaml", today));
    expect(error).toMatchObject({ code: "matrix/invalid", message: "dir/m.yaml: 2 mistakes in the matrix" });
    expect(error.at).toEqual({ file: "dir/m.yaml", line: 1, column: 9 });
    expect(error.issues.map((issue) => `${issue.code} ${issue.at.line}`)).toEqual([
      "matrix/bad-value 1",
      "matrix/wrong-type 7",
    ]);
  });

  test("a token that is written out is repeated nowhere", () => {
    const secret = "eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0";
    const error = throwsIssues(() => parseMatrix(text.replace("'${EXT_TOKEN}'", secret), "m.yaml", today));
    expect(JSON.stringify([error.message, error.details, error.hint, error.issues])).not.toContain(secret);
  });

  test("a parameter that would have no value either is not suggested", () => {
    const usb = text.replace("owner_id = :sub", "owner_id = :usb");
    const message = (of: string): readonly string[] =>
      throwsIssues(() => parseMatrix(of, "m.yaml", today)).issues.map((issue) => issue.message);
    expect(message(usb)).toEqual(["`:usb` has no value for `ana`; did you mean `:sub`?"]);
    const nobody = usb.replace("      ana:\n", "      nobody: { delete: own }\n      ana:\n");
    expect(message(nobody)).toEqual(["`:usb` has no value for `nobody`, `ana`"]);
  });

  test("today stands in the hint of a day that is none", () => {
    const error = throwsIssues(() => parseMatrix(text.replaceAll("2027-01-31", "soon"), "m.yaml", today));
    expect(error.issues.map(({ hint }) => hint)).toContain(
      `write the last day on which it holds, as \`${today}\``,
    );
  });
});

function at(line: number, column: number): SourcePosition {
  return { file: "m.yaml", line, column };
}

function throwsIssues(run: () => unknown): IssuesError {
  try {
    run();
  } catch (error) {
    if (error instanceof IssuesError) return error;
    throw error;
  }
  throw new Error("it threw nothing");
}
