import type { Environment } from "./environment.ts";
import type { Kept } from "./prove.ts";

/** The targets stay, so that what failed can be seen by hand, until the run is interrupted. */
export async function keepUntilInterrupted(
  kept: readonly Kept[],
  { err, interrupted }: Environment,
): Promise<void> {
  const lines = kept.map(({ target: { database, rest } }) => {
    const { host, port, user, password, database: name } = database;
    return `  psql postgresql://${user}:${password}@${host}:${port}/${name}\n  ${rest?.url ?? "(no gateway)"}\n`;
  });
  err.write(`\nThe target${kept.length === 1 ? " stays" : "s stay"} until Ctrl-C:\n${lines.join("")}`);
  // Nothing that was started keeps this process from ending; this does.
  const awake = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(awake);
}
