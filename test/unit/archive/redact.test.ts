import { describe, expect, it } from "vitest";

import { postureRules } from "../../../src/model/posture.ts";
import { postures } from "../../../src/model/target.ts";
import { createRedactor, noRedaction } from "../../../src/archive/redact.ts";
import type { ArchiveOptions } from "../../../src/archive/write.ts";
import type { Json } from "../../../src/model/matrix.ts";
import type { CellRecord, PersonaRecord, RunRecord } from "../../../src/model/run.ts";
import { cell, channel, reach, record, refused } from "../../fixtures/runs/build.ts";
import { archive, everyFile, tempFolder } from "./temp.ts";

const sub = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

const ana: PersonaRecord = {
  name: "ana",
  role: "authenticated",
  claims: {
    sub,
    role: "authenticated",
    aud: "authenticated",
    email: "Ana.Perez+x@colegio.test",
    phone: "56 9 1234 5678",
    user_metadata: {
      full_name: "Ana Pérez",
      nickname: "Anita",
      locale: "es-CL",
      note: "call +56 9 8765 4321",
    },
    address: { street_address: "Los Álamos 12", postal_code: "12345", country: "Chile" },
    app_metadata: { school: 1, rut: 123_456_785, is_admin: false },
  },
  settings: { "app.user_email": "ana@otro.test", "app.tenant": "t-1", "app.display_name": "Ana P." },
};

/** Everything about Ana that a reader of the archive has no right to. */
const personal = [
  "Ana.Perez+x@colegio.test",
  "ana%40otro.test",
  "ana@otro.test",
  "1234 5678",
  "8765 4321",
  "Ana Pérez",
  "Anita",
  "Los Álamos",
  "Chile",
  "123456785",
  "Ana P.",
  "luis@x.test",
];

const shown: CellRecord = cell({
  expectation: { kind: "rows", name: "own", predicate: `user_id = '${sub}' and full_name = 'Ana Pérez'` },
  verdict: "leak",
  channels: {
    direct: channel("leak", {
      probe: `select set_config('request.jwt.claims', '{"sub":"${sub}","email":"Ana.Perez+x@colegio.test"}', true)`,
      because: "the row of luis@x.test was reached as Anita",
      observation: reach({
        unexpected: 3,
        unexpectedKeys: [
          '{"id":12345678901234567890}',
          '{"email":"luis@x.test","id":7}',
          '{"name":"Luis","id":8}',
        ],
        answer: refused("23505", "Key (email)=(luis@x.test) already exists."),
      }),
    }),
    rest: channel("leak", { probe: "GET /people?email=eq.ana%40otro.test" }),
  },
  reproduce: { psql: "-- as Ana Pérez", curl: "curl -d 'call +56 9 8765 4321'" },
  inForce: ["policy \"own\" USING (email = 'x@policy.test')"],
});

const { run }: { run: RunRecord } = record([shown], { personas: [ana] });
const redactor = createRedactor([ana]);

describe("redaction", () => {
  it("is on for targets that hold people's data", () => {
    expect(postures.filter((posture) => postureRules[posture].redacts)).toEqual(["staging", "production"]);
    expect(noRedaction.run(run)).toBe(run);
    expect(noRedaction.cell(shown)).toBe(shown);
  });

  it("masks claims and settings by name and by looks, and keeps identifiers", () => {
    expect(redactor.run(run)).toEqual({
      ...run,
      personas: [
        {
          name: "ana",
          role: "authenticated",
          claims: {
            sub,
            role: "authenticated",
            aud: "authenticated",
            email: "[email]",
            phone: "[personal]",
            user_metadata: {
              full_name: "[personal]",
              nickname: "[personal]",
              locale: "es-CL",
              note: "call [phone]",
            },
            address: { street_address: "[personal]", postal_code: "[personal]", country: "[personal]" },
            app_metadata: { school: 1, rut: "[personal]", is_admin: false },
          },
          settings: { "app.user_email": "[email]", "app.tenant": "t-1", "app.display_name": "[personal]" },
        },
      ],
    });
  });

  it("masks a cell: what is personal by name in a key, by looks anywhere, and the persona's own values", () => {
    const masked = redactor.cell(shown);
    expect(masked.expectation).toEqual({
      kind: "rows",
      name: "own",
      predicate: `user_id = '${sub}' and full_name = '[personal]'`,
    });
    expect(masked.channels.direct).toMatchObject({
      probe: `select set_config('request.jwt.claims', '{"sub":"${sub}","email":"[email]"}', true)`,
      because: "the row of [email] was reached as [personal]",
      observation: {
        kind: "rows",
        unexpected: 3,
        // As it was: a double would have rounded it.
        unexpectedKeys: [
          '{"id":12345678901234567890}',
          '{"email":"[email]","id":7}',
          '{"name":"[personal]","id":8}',
        ],
        answer: { code: "23505", message: "Key (email)=([email]) already exists." },
      },
    });
    expect(masked.channels.rest?.probe).toBe("GET /people?email=[email]");
    expect(masked.reproduce).toEqual({ psql: "-- as [personal]", curl: "curl -d 'call [phone]'" });
    // A policy is what was in force: evidence, not data.
    expect(masked.inForce).toEqual(shown.inForce);
    expect({ ...masked, expectation: 0, channels: 0, reproduce: 0 }).toEqual({
      ...shown,
      expectation: 0,
      channels: 0,
      reproduce: 0,
    });
  });

  it("changes nothing more the second time", () => {
    expect(redactor.run(redactor.run(run))).toEqual(redactor.run(run));
    expect(redactor.cell(redactor.cell(shown))).toEqual(redactor.cell(shown));
  });

  it.each([
    "2026-11-21 02:03:04+00",
    "select a+12345678 from t",
    "12345678901234567890",
    "a@b",
    "@> '{1}'",
    sub,
    "USING ((id)::text ~ '^[+][0-9]+$')",
  ])("leaves alone: %s", (text) => {
    const of = cell({ inForce: [], channels: { direct: channel("pass", { probe: text }) } });
    expect(createRedactor([]).cell(of)).toEqual(of);
  });

  it("of a cell uses its own persona's values only", () => {
    const written = cell({ reproduce: { psql: "", curl: "", undo: "delete … where name = 'Ana Pérez'" } });
    expect(redactor.cell(written).reproduce?.undo).toBe("delete … where name = '[personal]'");
    const other = cell({ persona: "luis", reproduce: { psql: "Ana Pérez", curl: undefined } });
    expect(redactor.cell(other).reproduce?.psql).toBe("Ana Pérez");
  });

  it("survives values that mean something to a regular expression", () => {
    const name = "A. (B) [C] {D} *+?^$|\\/-";
    const claims: Readonly<Record<string, Json>> = { name };
    const odd = createRedactor([{ ...ana, claims, settings: {} }]);
    const of = cell({ reproduce: { psql: `it is ${name} here`, curl: undefined } });
    expect(odd.cell(of).reproduce?.psql).toBe("it is [personal] here");
  });

  it("leaves nothing personal in any byte of an archive; without it the same search finds all of it", async () => {
    const found = async (options: ArchiveOptions): Promise<readonly string[]> => {
      const dir = await archive(tempFolder(), { run, cells: [shown] }, options);
      const bytes = [...everyFile(dir).values()].join("\n");
      return personal.filter((text) => bytes.includes(Buffer.from(text, "utf8").toString("latin1")));
    };
    expect(await found({ redact: redactor })).toEqual([]);
    expect(await found({})).toEqual(personal);
  });
});
