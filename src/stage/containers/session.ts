import { Client } from "pg";
import { RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress } from "../../model/target.ts";

/** Logs in, does the work, logs out. @throws {RowgateError} `container/prepare` */
export async function withClient<T>(
  address: DatabaseAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  // Without `ssl: false` a PGSSLMODE of the environment would decide.
  const client = new Client({ ...address, ssl: false });
  // The error of the statement tells of a server that went away; without a listener it would end this process.
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(client);
  } catch (cause) {
    if (cause instanceof RowgateError) throw cause;
    throw new RowgateError({
      code: "container/prepare",
      message: `the container's database ${address.database} could not be prepared: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  } finally {
    await client.end().catch(() => {});
  }
}
