import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One command of the engine's client. @returns what it printed */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("docker", args, { maxBuffer: 64 * 1024 * 1024, timeout: 5 * 60_000 });
  return stdout.trim();
}

/** Why no engine is here that these tests could ask; `undefined`: one answers. */
export function whyNoEngine(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64")
    return "their images are built from Debian's packages for linux/x64";
  if (!answers("apt-get", "--version") || !answers("dpkg-deb", "--version"))
    return "their images are built from Debian's packages, and there is no apt-get here";
  if (!answers("docker", "version", "--format", "{{.Server.Version}}"))
    return `no container engine answers (DOCKER_HOST: ${process.env["DOCKER_HOST"] ?? "not set"})`;
  return undefined;
}

function answers(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore", timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

/** Why the engine cannot run a container (no cgroups, no namespaces, a kernel without what it needs); `undefined`: it can. */
export async function whyNoContainer(image: string): Promise<string | undefined> {
  try {
    await docker("run", "--rm", "--entrypoint", "/bin/echo", image, "works");
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message.replaceAll(/\s+/g, " ").trim() : String(error);
    return `the engine cannot run a container: ${said}`;
  }
}

async function lines(...args: readonly string[]): Promise<readonly string[]> {
  return (await docker(...args)).split("\n").filter((line) => line !== "");
}

/** Everything that a run of rowgate could have left on the engine. */
export async function leftovers(): Promise<readonly string[]> {
  const filter = ["--filter", "name=^rowgate-"];
  const [containers, networks, volumes] = await Promise.all([
    lines("ps", "--all", ...filter, "--format", "{{.Names}} {{.Status}}"),
    lines("network", "ls", ...filter, "--format", "network {{.Name}}"),
    lines("volume", "ls", "--filter", "dangling=true", "--format", "volume {{.Name}}"),
  ]);
  return [...containers, ...networks, ...volumes];
}
