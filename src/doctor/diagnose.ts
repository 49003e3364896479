import { type CheckName, checkNames, type Diagnosis } from "../model/diagnosis.ts";
import type { Check } from "./checks/answers.ts";
import {
  checkEncryption,
  checkLogin,
  checkMatrix,
  checkOwnership,
  checkPrivileges,
  checkRoles,
  checkSafeupdate,
  checkServer,
  checkSessions,
  checkUsers,
} from "./checks/database.ts";
import {
  checkApiKey,
  checkCache,
  checkGateway,
  checkRoleSwitch,
  checkRollback,
  checkSameDatabase,
  checkSchemas,
} from "./checks/gateway.ts";
import { checkClock, checkTokens } from "./checks/tokens.ts";
import type { Examination } from "./facts.ts";

const checks: Readonly<Record<CheckName, Check>> = {
  login: checkLogin,
  encryption: checkEncryption,
  server: checkServer,
  sessions: checkSessions,
  privileges: checkPrivileges,
  roles: checkRoles,
  ownership: checkOwnership,
  safeupdate: checkSafeupdate,
  gateway: checkGateway,
  "api key": checkApiKey,
  tokens: checkTokens,
  clock: checkClock,
  "role switch": checkRoleSwitch,
  schemas: checkSchemas,
  "schema cache": checkCache,
  "same database": checkSameDatabase,
  rollback: checkRollback,
  users: checkUsers,
  matrix: checkMatrix,
};

/** What the facts mean, check by check, in the order in which a person fixes things. */
export function diagnose(examination: Examination): readonly Diagnosis[] {
  return checkNames.flatMap((check) => checks[check](examination).map((answer) => ({ check, ...answer })));
}

/** 0: every check is ok; 1: something is wrong that a run would meet; 2: nothing is known to be wrong, but something is unknown. */
export function exitCodeOf(diagnoses: readonly Diagnosis[]): 0 | 1 | 2 {
  if (diagnoses.some(({ status }) => status === "failed")) return 1;
  return diagnoses.some(({ status }) => status === "unknown") ? 2 : 0;
}
