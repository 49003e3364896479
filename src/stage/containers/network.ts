import { type Engine, loopback } from "./engine.ts";

/**
 * A network whose published ports are this machine's alone where the engine is on it. By default an engine publishes on
 * every address of its host.
 */
export async function createNetwork(
  { client, library, host }: Engine,
  name: string,
  labels: Readonly<Record<string, string>>,
  isKept: boolean,
): Promise<void> {
  // What testcontainers' own cleaner goes by, where somebody has it on.
  const session = isKept
    ? {}
    : { [library.LABEL_TESTCONTAINERS_SESSION_ID]: (await library.getReaper(client)).sessionId };
  await client.network.create({
    Name: name,
    Driver: "bridge",
    CheckDuplicate: true,
    Labels: { ...labels, ...session },
    ...(host === loopback ? { Options: { "com.docker.network.bridge.host_binding_ipv4": loopback } } : {}),
  });
}
