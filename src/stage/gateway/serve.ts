import type { Pool } from "pg";
import { planCall } from "./call.ts";
import type { Catalog } from "./catalog.ts";
import type { GatewayConfig } from "./config.ts";
import { describe, findRelation } from "./describe.ts";
import { Refused, refuse } from "./errors.ts";
import { compile, qualified, sql } from "./fragment.ts";
import type { Statement } from "./fragment.ts";
import type { Authenticate } from "./jwt.ts";
import type { Plan } from "./plan.ts";
import { planRead } from "./read.ts";
import type { ReadRules } from "./read.ts";
import { parseRequest } from "./request.ts";
import type { RawRequest, Request } from "./request.ts";
import { answerTo, answerToRefused } from "./response.ts";
import type { Answer } from "./answer.ts";
import { runPlan } from "./transaction.ts";
import { planWrite } from "./write.ts";

/** What a gateway has at hand for each request. */
export interface Service {
  readonly config: GatewayConfig;
  readonly authenticate: Authenticate;
  readonly pool: Pool;
  readonly catalog: Catalog;
}

/** PostgREST's stages, in its order: who asks, for what, how it is done, do it, say it. Never throws. */
export async function serve(raw: RawRequest, service: Service): Promise<Answer> {
  try {
    const { config, catalog, pool } = service;
    const identity = service.authenticate(raw.headers.authorization);
    const request = parseRequest(raw, {
      schemas: config.schemas,
      txOverride: config.txEnd.endsWith("-allow-override"),
    });
    if (request.action.kind === "describe") return describe(request, catalog);
    const plan = planFor(request, service);
    const outcome = await runPlan(pool, plan, identity, {
      txEnd: config.txEnd,
      anonRole: config.anonRole,
      preRequest: preRequest(config),
      extraSearchPath: config.extraSearchPath ?? ["public"],
      ofRole: catalog.settingsOf(identity.role),
    });
    return answerTo(plan, outcome);
  } catch (error) {
    // Nothing of an unforeseen error is told: it could hold what the request held.
    return answerToRefused((error instanceof Refused ? error : refuse.internal()).refusal);
  }
}

function planFor(request: Request, { config, catalog }: Service): Plan {
  const { action, schema } = request;
  const rules: ReadRules = { maxRows: config.maxRows, hasMediaHandlers: catalog.hasMediaHandlers };
  if (action.kind === "call") return planCall(request, catalog, rules);
  const relation = findRelation(catalog, schema, action.name);
  return action.kind === "mutate"
    ? planWrite(request, relation, action.mutation, rules)
    : planRead(request, relation, rules);
}

function preRequest({ preRequest: name }: GatewayConfig): Statement | undefined {
  return name && compile(sql`select ${qualified(name.schema, name.name)}()`);
}
