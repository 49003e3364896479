import { isCode } from "../../model/answers.ts";
import { randomBytes } from "node:crypto";
import { Client, DatabaseError } from "pg";
import { RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress } from "../../model/target.ts";
import { type ContainerPlan, type Site, startContainer, untilReady } from "./container.ts";
import type { Image } from "./image.ts";

export const postgresPort = 5432;

/** Milliseconds: Supabase's image applies some sixty migrations before it serves. */
const patience = 180_000;

/** How docker-library's image (https://hub.docker.com/_/postgres), and those made from it, name their superuser. */
export function superuserOf({ environment }: Pick<Image, "environment">): {
  readonly user: string;
  readonly database: string;
} {
  const user = environment["POSTGRES_USER"] || "postgres";
  return { user, database: environment["POSTGRES_DB"] || user };
}

interface PostgresPlan {
  readonly image: Image;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly reuse: boolean;
}

/** @throws {RowgateError} `container/…` */
export async function startPostgres(site: Site, plan: PostgresPlan): Promise<DatabaseAddress> {
  const password = randomBytes(32).toString("base64url");
  const full: ContainerPlan = {
    ...plan,
    environment: { POSTGRES_PASSWORD: password },
    ports: [postgresPort],
  };
  const withSecret = { ...site, secrets: [...site.secrets, password] };
  const started = await startContainer(withSecret, full);
  const address = { ...started.address(postgresPort), ...superuserOf(plan.image), password };
  await untilReady(withSecret, full, patience, async () => accepts(address, plan.image.name));
  return address;
}

/**
 * Whether a login comes through. The server that the image runs for its init scripts listens on a socket within the
 * container only, so the first login over TCP is one to the server that stays.
 */
async function accepts(address: DatabaseAddress, image: string): Promise<boolean> {
  const client = new Client({ ...address, ssl: false, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch (cause) {
    if (cause instanceof DatabaseError && isFinal(cause.code)) throw otherLogin(address, image, cause);
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** A server that still starts will answer otherwise. */
function isFinal(code: string | undefined): boolean {
  return isCode(code, "login") || isCode(code, "noDatabase");
}

function otherLogin({ user, database }: DatabaseAddress, image: string, cause: DatabaseError): RowgateError {
  return new RowgateError({
    code: "container/login",
    message: `${image} does not let its superuser in: ${cause.message}`,
    details: `tried ${user} in the database ${database}, with the password that POSTGRES_PASSWORD gave it`,
    hint: "an image must take POSTGRES_PASSWORD, and name its superuser and database in POSTGRES_USER and POSTGRES_DB where they are not postgres",
    cause,
  });
}
