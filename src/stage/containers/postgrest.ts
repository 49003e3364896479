import type { GatewayInfo } from "../../model/target.ts";
import { ask } from "../gateway/ask.ts";
import type { GatewayConfig } from "../gateway/config.ts";
import { postgrestSettings } from "../postgrest.ts";
import { type ContainerPlan, type Site, startContainer, untilReady } from "./container.ts";
import type { Image } from "./image.ts";
import { postgresPort } from "./postgres.ts";

/** PostgREST's own default, and the next one. */
const ports = { server: 3000, admin: 3001 };

/** Milliseconds; it waits for its schema cache, which takes a second for thousands of tables. */
const patience = 60_000;

interface PostgrestPlan {
  readonly image: Image;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The name of Postgres's container. */
  readonly postgres: string;
  readonly config: GatewayConfig;
}

/** @throws {RowgateError} `container/…` */
export async function startPostgrest(
  site: Site,
  { image, name, labels, postgres, config }: PostgrestPlan,
): Promise<{ readonly url: string; readonly info: GatewayInfo }> {
  const inside = {
    ...config,
    // All addresses of the container: no other program runs in it.
    host: "0.0.0.0",
    database: { ...config.database, host: postgres, port: postgresPort },
  };
  const plan: ContainerPlan = {
    image,
    name,
    labels,
    environment: postgrestSettings(inside, ports),
    ports: [ports.server, ports.admin],
    reuse: false,
  };
  const secrets = [...site.secrets, config.database.password, config.jwt.secret ?? ""].filter(
    (one) => one !== "",
  );
  const withSecrets = { ...site, secrets };
  const started = await startContainer(withSecrets, plan);
  const [url, admin] = [ports.server, ports.admin].map((port) => {
    const address = started.address(port);
    return `http://${address.host}:${address.port}`;
  }) as [string, string];
  let server = "";
  await untilReady(withSecrets, plan, patience, async () => {
    const { status } = await ask(`${admin}/ready`);
    if (status !== 0 && status !== 200) return false;
    // One from before there were admin servers answers 503 to a GET for as long as it has no schema cache.
    const answer = await ask(`${url}/`, { method: status === 200 ? "OPTIONS" : "GET" });
    server = answer.server;
    return answer.status > 0 && answer.status < 500;
  });
  return { url, info: { ...whoAnswers(server), image: image.name } };
}

/** What an image is called proves nothing; only what answers says that it is PostgREST. */
export function whoAnswers(server: string): Pick<GatewayInfo, "kind" | "version"> {
  const version = /^postgrest\/(\S+)/i.exec(server)?.[1];
  if (version !== undefined) return { kind: "postgrest", version };
  if (server.startsWith("rowgate-builtin-gateway")) return { kind: "builtin", version: "of unknown version" };
  return { kind: "remote", version: server === "" ? "of unknown version" : server };
}
