import { type ErrorObject, Ajv } from "ajv";
import addFormats from "ajv-formats";

/*
 * What github.com/in-toto/attestation publishes, as JSON Schema: the messages of protos/in_toto_attestation (v1/statement.proto,
 * v1/resource_descriptor.proto, predicates/test_result/v0/test_result.proto) in protobuf's JSON form, where a field that a message
 * does not have is refused; and the fields that spec/v1 and spec/predicates (test-result.md, svr.md of version 0.2) require. The
 * envelope is that of github.com/secure-systems-lab/dsse, envelope.md.
 */
const base64 = { type: "string", pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$" };
const text = { type: "string" };
const texts = { type: "array", items: text };

function message(properties: object, required: readonly string[]): object {
  return { type: "object", properties, required, additionalProperties: false };
}

/** At least one of a descriptor's `uri`, `digest` and `content` is required; a subject's digest always. */
const fields = {
  name: text,
  uri: { type: "string", format: "uri" },
  digest: {
    type: "object",
    minProperties: 1,
    additionalProperties: { type: "string", pattern: "^[0-9a-f]+$" },
    properties: {
      sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
      gitCommit: { type: "string", pattern: "^([0-9a-f]{40}|[0-9a-f]{64})$" },
    },
  },
  content: base64,
  downloadLocation: { type: "string", format: "uri" },
  mediaType: text,
  annotations: { type: "object" },
};
const descriptor = {
  ...message(fields, []),
  anyOf: [{ required: ["uri"] }, { required: ["digest"] }, { required: ["content"] }],
};

function statement(predicateType: string, predicate: object): object {
  return message(
    {
      _type: { const: "https://in-toto.io/Statement/v1" },
      subject: { type: "array", minItems: 1, items: message(fields, ["digest"]) },
      predicateType: { const: predicateType },
      predicate,
    },
    ["_type", "subject", "predicateType", "predicate"],
  );
}

const testResult = message(
  {
    result: { enum: ["PASSED", "WARNED", "FAILED"] },
    configuration: { type: "array", items: descriptor },
    url: { type: "string", format: "uri" },
    passedTests: texts,
    warnedTests: texts,
    failedTests: texts,
  },
  ["result", "configuration"],
);
const verification = message(
  {
    verifier: message(
      { id: { type: "string", format: "uri" }, policies: { type: "array", items: descriptor } },
      ["id", "policies"],
    ),
    timeCreated: { type: "string", format: "date-time" },
    properties: texts,
  },
  ["verifier", "timeCreated", "properties"],
);

const schemas: Readonly<Record<string, object>> = {
  envelope: message(
    {
      payload: base64,
      payloadType: { type: "string", pattern: String.raw`^application/vnd\.in-toto(\.[a-z-]+)?\+json$` },
      signatures: { type: "array", items: message({ keyid: text, sig: base64 }, ["sig"]) },
    },
    ["payload", "payloadType", "signatures"],
  ),
  "test-result.dsse.json": statement("https://in-toto.io/attestation/test-result/v0.1", testResult),
  "svr.dsse.json": statement("https://in-toto.io/attestation/svr/v0.2", verification),
};

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats.default(ajv);
const validators = new Map(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]));

/** What does not fit the published shape: of an `envelope`, or of the statement in a file. */
export function shapeProblems(name: string, value: unknown): readonly string[] {
  const isValid = validators.get(name);
  if (isValid === undefined) return [`no schema ${name}`];
  return isValid(value)
    ? []
    : (isValid.errors ?? []).map((one: ErrorObject) => `${one.instancePath} ${one.message}`);
}
