import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installPostgrest } from "../../src/stage/gateway/install/install.ts";
import { type Member, sha256, standIn, tarXz, zip } from "../support/assets.ts";
import type { CliResult } from "../support/cli.ts";
import {
  canRun,
  good,
  Installer,
  type InstallRoom,
  onPosix,
  openInstallRoom,
  Place,
} from "../support/install-room.ts";
import { redirectTo, type Respond, sendBytes } from "../support/releases.ts";

// Everything that `rowgate gateway install` must not take: exit 2, a sentence that says why, and a cache as it was.

let room: InstallRoom;
beforeAll(async () => {
  room = await openInstallRoom();
});
afterAll(async () => {
  await room?.stop();
});

interface Failing {
  readonly name: string;
  readonly set?: (place: Place) => Promise<void> | void;
  /** `v16.2` unless given. */
  readonly version?: string;
  readonly options?: Readonly<Record<string, string | number>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly says: readonly string[];
}

/** A published asset with these members, its digest right. */
const holding =
  (...members: readonly Member[]) =>
  async (place: Place): Promise<void> =>
    void place.publish("v16.2", await tarXz(members));
const program: Member = { name: "postgrest", text: standIn("16.2") };
const published = async (place: Place): Promise<void> => void place.publish("v16.2", await good("v16.2"));
/** The release is described as it should be; the asset's address answers as told. */
const answering =
  (respond: Respond) =>
  async (place: Place): Promise<void> => {
    await published(place);
    room.server.at.set(place.assetPath("v16.2"), respond);
  };
const describing =
  (respond: Respond) =>
  async (place: Place): Promise<void> => {
    await published(place);
    room.server.at.set(place.describedAt("v16.2"), respond);
  };
const saying = (text: string): ReturnType<typeof describing> =>
  describing(sendBytes(Buffer.from(text), "application/json"));
const endless: Respond = (response) => {
  response.statusCode = 200;
  const piece = Buffer.alloc(64 * 1024);
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
    response.once("drain", more);
  };
  more();
};

const failing: readonly Failing[] = [
  {
    name: "a connection cut short",
    says: ["broke after", "try again"],
    set: answering((response) => {
      response.writeHead(200, { "content-length": 10_000 }).write("not all of it");
      setTimeout(() => response.destroy(), 50);
    }),
  },
  {
    name: "a body that ends early",
    says: ["another SHA-256", "it ended after 100 of"],
    set: async (place) => {
      await published(place);
      const bytes = await good("v16.2");
      room.server.at.set(place.assetPath("v16.2"), sendBytes(bytes.subarray(0, 100)));
    },
  },
  {
    name: "another file under the name",
    says: ["another SHA-256 than it should", "expected", "found", "do not run"],
    set: async (place) => {
      await published(place);
      const bytes = await good("v16.2");
      room.server.at.set(place.assetPath("v16.2"), sendBytes(Buffer.from(bytes).fill(0, 50, 60)));
    },
  },
  {
    name: "no published digest",
    says: ["without a SHA-256 digest", "--sha256"],
    set: async (place) => void place.publish("v16.2", await good("v16.2"), { digest: null }),
  },
  {
    name: "a digest of another kind",
    says: ["without a SHA-256 digest"],
    set: async (place) =>
      void place.publish("v16.2", await good("v16.2"), { digest: `sha512:${"0".repeat(128)}` }),
  },
  {
    name: "an asset cut short before it was published",
    says: ["cannot be unpacked"],
    set: async (place) => {
      const bytes = await good("v16.2");
      place.publish("v16.2", bytes.subarray(0, bytes.length - 30));
    },
  },
  {
    name: "a tar cut short inside",
    says: ["cannot be unpacked"],
    set: async (place) => {
      const tar = execFileSync("xz", ["-dc"], {
        input: await tarXz([{ name: "postgrest", text: standIn("16.2").padEnd(5000, "#") }]),
      });
      place.publish("v16.2", execFileSync("xz", ["-c"], { input: tar.subarray(0, 2048) }));
    },
  },
  {
    name: "a text under an archive's name",
    says: ["cannot be unpacked"],
    set: (place) => void place.publish("v16.2", Buffer.from("<html>sign in</html>".repeat(50))),
  },
  {
    name: "a name that climbs",
    says: ['holds "../../postgrest"', "may hold postgrest alone"],
    set: holding({ ...program, name: "../../postgrest" }),
  },
  {
    name: "an absolute name",
    says: ['holds "/tmp/postgrest"'],
    set: holding({ ...program, name: "/tmp/postgrest" }),
  },
  {
    name: "a link in the program's place",
    says: ["a link, a folder or a device"],
    set: holding({ name: "postgrest", type: "symlink", to: "/bin/sh" }),
  },
  {
    name: "a hard link in the program's place",
    says: ["a link, a folder or a device"],
    set: holding({ name: "postgrest", type: "link", to: "../current" }),
  },
  {
    name: "a folder in the program's place",
    says: ["a link, a folder or a device"],
    set: holding({ name: "postgrest", type: "directory" }),
  },
  { name: "a second file", says: ['holds also "evil"'], set: holding(program, { name: "evil", text: "x" }) },
  { name: "the program twice", says: ['holds also "postgrest"'], set: holding(program, program) },
  { name: "nothing inside", says: ["holds no postgrest"], set: holding() },
  {
    name: "a program of another version",
    says: ['says that it is "PostgREST 16.1"'],
    set: holding({ ...program, text: standIn("16.1") }),
  },
  {
    name: "another program",
    says: ['says that it is "hello"'],
    set: holding({ ...program, text: "#!/bin/sh\necho hello\n" }),
  },
  {
    name: "a program that does not run",
    says: ["does not run on this machine", "libpq.so.5"],
    set: holding({ ...program, text: "#!/bin/sh\necho 'libpq.so.5: cannot open' >&2; exit 127\n" }),
  },
  {
    name: "a version that there is not",
    version: "v99.1",
    says: ["there is no release v99.1", "https://github.com/PostgREST/postgrest/releases"],
  },
  {
    name: "a release without this platform",
    says: ["the release v16.2 has no postgrest-v16.2-"],
    set: async (place) =>
      void place.publish("v16.2", await good("v16.2"), { name: "postgrest-v16.2-amiga.tar.xz" }),
  },
  {
    name: "a mirror without the file",
    says: ["localhost", "has no postgrest-v16.2-"],
    set: async (place) => {
      await published(place);
      room.server.at.delete(place.assetPath("v16.2"));
    },
  },
  {
    name: "a mirror that fails",
    says: ["answers 500"],
    set: answering((response) => response.writeHead(500).end()),
  },
  {
    name: "too many questions",
    says: ["answers 403", "GITHUB_TOKEN"],
    set: describing((response) => response.writeHead(403).end()),
  },
  {
    name: "a page in the asset's place",
    says: ["answers with text/html, not postgrest-v16.2-"],
    set: answering(sendBytes(Buffer.from("<html>"), "text/html")),
  },
  {
    name: "a page in the list's place",
    says: ["answers with text/html, not a release as JSON"],
    set: describing(sendBytes(Buffer.from("<html>"), "text/html")),
  },
  { name: "a list that is no JSON", says: ["did not answer with a release"], set: saying("{nonsense") },
  {
    name: "a list that is something else",
    says: ["did not answer with a release", "tag_name"],
    set: saying('{"message": "hello"}'),
  },
  {
    name: "a tag that climbs",
    says: ["did not answer with a release", "tag_name"],
    set: saying('{"tag_name": "../../..", "assets": []}'),
  },
  {
    name: "another release than the one asked for",
    says: ["asked for v16.2, and was told of v16.1"],
    set: saying('{"tag_name": "v16.1", "assets": []}'),
  },
  {
    name: "a list that never ends",
    says: ["sends more than the"],
    set: describing((response, request) => {
      response.setHeader("content-type", "application/json");
      endless(response, request);
    }),
  },
  { name: "an asset that never ends", says: ["sends more than the"], set: answering(endless) },
  {
    name: "an asset that comes a byte at a time",
    options: { timeout: 1 },
    says: ["took too long", "--timeout"],
    set: answering((response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const timer = setInterval(() => response.write("x"), 100);
      response.once("close", () => clearInterval(timer));
    }),
  },
  {
    name: "an answer that never comes",
    options: { timeout: 1 },
    says: ["took too long: 0 bytes"],
    set: answering(() => undefined),
  },
  {
    name: "a redirect off https",
    says: ["redirects to http://localhost", "which is not https"],
    set: answering(redirectTo("http://localhost/postgrest.tar.xz")),
  },
  {
    name: "a redirect to a file",
    says: ["redirects to file://", "which is not https"],
    set: answering(redirectTo("file:///etc/passwd")),
  },
  {
    name: "a redirect to nowhere",
    says: ["redirects to nowhere"],
    set: answering((response) => response.writeHead(302).end()),
  },
  {
    name: "redirects without end",
    says: ["redirects more than 5 times"],
    set: async (place) => answering(redirectTo(place.assetPath("v16.2")))(place),
  },
  {
    name: "no network",
    options: { releases: "https://localhost:1/releases" },
    says: [
      "localhost:1 cannot be reached",
      "ECONNREFUSED",
      "HTTPS_PROXY",
      "--mirror",
      "download postgrest-v16.2-",
      "https://github.com/PostgREST/postgrest/releases/tag/v16.2",
      "rowgate gateway install v16.2 --from <file> --sha256 <digest>",
    ],
  },
  {
    name: "a proxy that is none",
    env: { HTTPS_PROXY: "http://me:hidden@[" },
    says: ["HTTPS_PROXY", "is no URL"],
  },
  {
    name: "a proxy that does not answer",
    env: { HTTPS_PROXY: "http://me:hidden@127.0.0.1:1" },
    says: ["cannot be reached", "ECONNREFUSED"],
  },
  {
    name: "another digest than the published one",
    version: "latest",
    options: { sha256: "0".repeat(64) },
    says: ["published with another digest than --sha256"],
    set: async (place) => void place.publish("v16.2", await good("v16.2"), { latest: true }),
  },
  { name: "no version", version: "sixteen", says: ['"sixteen" is no version'] },
  { name: "a version that climbs", version: "v16.2/../..", says: ["is no version"] },
  { name: "no digest", options: { sha256: "abc" }, says: ["--sha256 is no SHA-256 digest"] },
  {
    name: "a mirror without https",
    options: { sha256: "0".repeat(64), mirror: "http://mirror.test" },
    says: ["--mirror", "is no https URL: http://mirror.test"],
  },
  {
    name: "a mirror with a password",
    options: { sha256: "0".repeat(64), mirror: "https://me:hidden@mirror.test" },
    says: ["holds a name or a password: mirror.test"],
  },
  {
    name: "a file that is not there",
    options: { sha256: "0".repeat(64), from: "nowhere.tar.xz" },
    says: ["cannot read what --from names", "ENOENT"],
  },
  {
    name: "a cache that cannot be",
    env: { XDG_CACHE_HOME: "/dev/null" },
    says: ["could not use the cache", "ENOTDIR", "XDG_CACHE_HOME"],
    set: published,
  },
];

/** What is left of a refusal that was said well: nothing. */
function amiss(
  { code, err, out }: Omit<CliResult, "signal">,
  says: readonly string[],
  place: Place,
): readonly string[] {
  return [
    ...(code === 2 ? [] : [`exit code ${code}`]),
    ...says.filter((text) => !err.includes(text)).map((text) => `does not say: ${text}\n${err}`),
    ...["    at ", "hidden"].filter((text) => err.includes(text)).map((text) => `says: ${text}\n${err}`),
    ...(out === "" ? [] : [`printed ${out}`]),
    ...place.files().map((file) => `left ${file}`),
    ...readdirSync(room.folder).filter((name) => name === "postgrest"),
  ];
}

describe.skipIf(!canRun)("is refused with exit 2, and leaves the cache as it was", () => {
  let installer: Installer;
  beforeAll(() => {
    installer = new Installer({ NODE_EXTRA_CA_CERTS: room.ca, PATH: "/usr/bin:/bin" });
  });
  afterAll(() => {
    installer.stop();
  });

  test.each(failing)("$name", async ({ set, version = "v16.2", options = {}, env = {}, says }) => {
    const place = new Place(room);
    await set?.(place);
    const { releases, mirror } = place;
    const { code, err, out } = await installer.run({
      version,
      options: { releases, mirror, timeout: 30, ...options },
      variables: { ...place.env, ...env },
      cwd: room.folder,
    });
    expect(amiss({ code, err, out }, says, place)).toEqual([]);
  });

  test("a certificate that nobody trusts", async () => {
    const place = new Place(room);
    await published(place);
    const args = ["install", "v16.2", "--releases", place.releases];
    const result = await place.run(args, { NODE_EXTRA_CA_CERTS: "" });
    const says = ["the certificate of localhost", "not trusted", "NODE_EXTRA_CA_CERTS"];
    expect(amiss(result, says, place)).toEqual([]);
  });

  test("a bomb", async () => {
    const place = new Place(room);
    const bomb = path.join(room.folder, "bomb");
    mkdirSync(bomb);
    writeFileSync(path.join(bomb, "postgrest"), "");
    truncateSync(path.join(bomb, "postgrest"), 300 * 1024 * 1024);
    execFileSync("tar", ["-cJf", "bomb.tar.xz", "postgrest"], {
      cwd: bomb,
      env: { PATH: "/usr/bin:/bin", XZ_OPT: "-0" },
    });
    const bytes = readFileSync(path.join(bomb, "bomb.tar.xz"));
    expect(bytes.length).toBeLessThan(1_000_000);
    const { releases, mirror } = place;
    place.publish("v16.2", bytes);
    const options = { releases, mirror, timeout: 30 };
    const result = await installer.run({ version: "v16.2", options, variables: place.env, cwd: room.folder });
    const says = ["cannot be unpacked", "it holds more than 268435456 bytes"];
    expect(amiss(result, says, place)).toEqual([]);
  });
});
describe.skipIf(!onPosix)("a zip, as Windows gets it", () => {
  const cases: readonly {
    readonly name: string;
    readonly members: readonly Member[];
    readonly error?: string;
  }[] = [
    { name: "good", members: [{ name: "postgrest.exe", text: standIn("16.2") }] },
    { name: "climbing", members: [{ name: "../postgrest.exe", text: "x" }], error: "cannot be unpacked" },
    { name: "absolute", members: [{ name: "C:\\postgrest.exe", text: "x" }], error: "cannot be unpacked" },
    {
      name: "a link",
      members: [{ name: "postgrest.exe", type: "symlink", text: "/bin/sh" }],
      error: "a link",
    },
    {
      name: "more than one",
      members: [
        { name: "postgrest.exe", text: standIn("16.2") },
        { name: "b.dll", text: "x" },
      ],
      error: 'also "b.dll"',
    },
  ];

  test.each(cases)("$name", async ({ members, error }) => {
    const cache = mkdtempSync(path.join(room.folder, "zip-"));
    const from = path.join(cache, "asset.zip");
    const bytes = zip(members);
    writeFileSync(from, bytes);
    const installed = installPostgrest({
      version: "v16.2",
      sha256: sha256(bytes),
      from,
      releases: undefined,
      mirror: undefined,
      timeoutMs: 30_000,
      environment: { XDG_CACHE_HOME: cache, PATH: "/usr/bin:/bin" },
      interrupted: new AbortController().signal,
      platform: "win32-x64",
    });
    const outcome = await installed.then(
      ({ binary }) => path.basename(binary),
      (cause: Error) => cause.message,
    );
    expect(outcome).toContain(error ?? "postgrest.exe");
  });
});
