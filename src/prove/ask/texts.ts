import { type Asking } from "./session.ts";
import { isError, privileged } from "./step.ts";

/** The one column of a privileged query, as texts; `undefined`: it failed. */
export function askTexts(session: Asking, sql: string): Promise<readonly string[] | undefined> {
  return session.once([], sql, async () => {
    const answer = await session.ask(
      privileged,
      `select coalesce(pg_catalog.json_agg(x.v), '[]')::text from (${sql}) as x(v)`,
    );
    return isError(answer) || !("value" in answer) || answer.value === null
      ? undefined
      : (JSON.parse(answer.value) as string[]);
  });
}
