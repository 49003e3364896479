import { setTimeout as wait } from "node:timers/promises";
import { RowgateError } from "../../model/errors.ts";
import type { ImageRecord } from "../../model/target.ts";
import type { Engine } from "./engine.ts";
import type { ImageNames } from "./server.ts";

export interface Image extends ImageRecord {
  /** What its containers have in their environment by default. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Milliseconds; a slow line and an image of a gigabyte. */
const pullPatience = 20 * 60_000;

/** Postgres's first, then PostgREST's where one is wanted. @throws {RowgateError} `container/no-image`, of both at once */
export async function obtainImages(
  engine: Engine,
  { postgresImage, postgrestImage }: ImageNames,
  say: (text: string) => void,
): Promise<readonly [Image, ...Image[]]> {
  const wanted = [obtainImage(engine, "postgres", postgresImage, say)];
  if (postgrestImage !== undefined) wanted.push(obtainImage(engine, "postgrest", postgrestImage, say));
  const ends = await Promise.allSettled(wanted);
  const failed = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as RowgateError] : []));
  if (failed.length > 0) throw joined(failed);
  return (await Promise.all(wanted)) as [Image, ...Image[]];
}

function joined(errors: readonly RowgateError[]): RowgateError {
  const texts = (of: (error: RowgateError) => string | undefined): string | undefined =>
    [...new Set(errors.map(of))].filter((text) => text !== undefined).join("\n") || undefined;
  return new RowgateError({
    code: "container/no-image",
    message: errors.map(({ message }) => message).join("; "),
    details: texts(({ details }) => details),
    hint: texts(({ hint }) => hint),
    cause: errors[0],
  });
}

/**
 * Finds an image on the engine, or pulls it.
 * @throws {RowgateError} `container/no-image`
 */
async function obtainImage(
  { library, client }: Engine,
  use: Image["use"],
  name: string,
  say: (text: string) => void,
): Promise<Image> {
  const parsed = library.ImageName.fromString(name);
  try {
    if (!(await client.image.exists(parsed))) {
      say(`pulling ${name} …`);
      const pulled = client.image.pull(parsed).then(() => true);
      if (!(await Promise.race([pulled, wait(pullPatience, false, { ref: false })])))
        throw new Error(`not pulled within ${pullPatience / 60_000} minutes`);
    }
    const { Id: id, RepoDigests, Config } = await client.image.inspect(parsed);
    return { use, name, id, digest: digestOf(RepoDigests, name), environment: environmentOf(Config.Env) };
  } catch (cause) {
    throw noImage(use, name, cause);
  }
}

/** The registry's digest; an image that was built here and never pushed has none. */
export function digestOf(digests: readonly string[] | null | undefined, name: string): string | undefined {
  const repository = name.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  const own = digests?.find((one) => one.startsWith(`${repository}@`)) ?? digests?.[0];
  return own?.slice(own.indexOf("@") + 1);
}

function environmentOf(lines: readonly string[] | null | undefined): Record<string, string> {
  return Object.fromEntries(
    (lines ?? []).map((line) => {
      const end = line.indexOf("=");
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
}

const otherwise: Record<Image["use"], string> = {
  postgres: "name another with --postgres-image or ROWGATE_POSTGRES_IMAGE",
  postgrest:
    "name another with --postgrest-image or ROWGATE_POSTGREST_IMAGE, or put rowgate's own gateway in front with --gateway builtin (the report will say that it is not PostgREST)",
};

function noImage(use: Image["use"], name: string, cause: unknown): RowgateError {
  return new RowgateError({
    code: "container/no-image",
    message: `the image ${name} is not on this engine and cannot be pulled`,
    details: cause instanceof Error ? cause.message.replaceAll(/\s+/g, " ").trim() : String(cause),
    hint: `check its name and the way to its registry (docker pull ${name}), or ${otherwise[use]}`,
    cause,
  });
}
