import { type CheckName, checkNames, type Diagnosis } from "../model/diagnosis.ts";
import type { Examination } from "../model/examination.ts";
import type { Check } from "./answers.ts";
import { checkApiKey } from "./checks/api-key.ts";
import { checkCache, checkRollback, checkSameness, checkSchemas, checkSwitch } from "./checks/behind.ts";
import { checkClock } from "./checks/clock.ts";
import { checkEncryption, checkLogin } from "./checks/connection.ts";
import { checkSafeupdate, checkServer, checkSessions, checkSight } from "./checks/database.ts";
import { checkGateway } from "./checks/gateway.ts";
import { checkMatrix, checkUsers } from "./checks/people.ts";
import { checkOwnership, checkRoles } from "./checks/roles.ts";
import { checkTokens } from "./checks/tokens.ts";

const checks: Readonly<Record<CheckName, Check>> = {
  login: checkLogin,
  encryption: checkEncryption,
  server: checkServer,
  sessions: checkSessions,
  "full sight": checkSight,
  roles: checkRoles,
  ownership: checkOwnership,
  safeupdate: checkSafeupdate,
  gateway: checkGateway,
  "api key": checkApiKey,
  tokens: checkTokens,
  clock: checkClock,
  "role switch": checkSwitch,
  schemas: checkSchemas,
  "schema cache": checkCache,
  "one database": checkSameness,
  rollback: checkRollback,
  users: checkUsers,
  matrix: checkMatrix,
};

/** Facts in, what they mean to a person out: check by check, in the order in which one mends things. */
export function diagnose(examination: Examination): readonly Diagnosis[] {
  return checkNames.flatMap((check) => checks[check](examination).map((answer) => ({ check, ...answer })));
}

/** 0 all is well; 1 something is wrong that a run would meet; 2 nothing is known to be wrong, and something could not be told. */
export function exitCodeOf(diagnoses: readonly Diagnosis[]): 0 | 1 | 2 {
  if (diagnoses.some(({ status }) => status === "wrong")) return 1;
  return diagnoses.some(({ status }) => status === "unclear") ? 2 : 0;
}
