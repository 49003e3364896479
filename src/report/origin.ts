import type { RunRecord } from "../model/run.ts";
import { clean, oneLine } from "./text.ts";

/** What a gateway that is not PostgREST must be called wherever something passed through it. */
const notPostgrest = "rest: builtin gateway, not PostgREST";

/** What answered on the rest channel, wherever that must be told: it is not PostgREST, or which image's PostgREST it is. */
export function gatewayNote({ target }: RunRecord): string | undefined {
  const gateway = target.rest?.gateway;
  if (gateway === undefined) return undefined;
  if (gateway.kind === "builtin") return notPostgrest;
  if (gateway.image === undefined) return undefined;
  const name = `rest: ${oneLine(clean(gateway.image))}`;
  return gateway.kind === "postgrest" ? name : `${name}, which does not say that it is PostgREST`;
}

/** `postgres:17 (sha256:0123456789ab…)`. */
export function imageTexts({ target }: RunRecord): readonly string[] {
  const { images = [], reused = false } = target.containers ?? {};
  return images.map(({ use, name, digest, id }) => {
    const known = digest === undefined ? `not from a registry, id ${short(id)}` : short(digest);
    const left = use === "postgres" && reused ? "; left by an earlier run" : "";
    return oneLine(clean(`${name} (${known}${left})`));
  });
}

function short(digest: string): string {
  return digest.length > 20 ? `${digest.slice(0, 19)}…` : digest;
}

/** `school-staging (staging)`; a target that is called as its posture is named once. */
export function who(run: RunRecord): string {
  const { name, posture } = run.target;
  return name === posture ? name : `${name} (${posture})`;
}
