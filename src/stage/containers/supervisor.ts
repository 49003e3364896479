/** The program that starts containers, outlives rowgate for the moment that it takes to remove them, and leaves nothing. */
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress } from "../../model/target.ts";
import { serveParent } from "../child.ts";
import { type Place, placeOf, type Site } from "./container.ts";
import { type PreparedLogins, preparedLogins, preparePostgres } from "./database.ts";
import {
  connectEngine,
  createNetwork,
  type Engine,
  labels,
  ownerMark,
  removeLabelled,
  sweep,
} from "./engine.ts";
import { type Image, obtainImages } from "./image.ts";
import { startPostgres } from "./postgres.ts";
import { startPostgrest } from "./postgrest.ts";
import { type HeldPostgres, makeReusable, reuseKey, takeReusable } from "./reuse.ts";
import type {
  ContainerRequest,
  ContainerSettings,
  Progress,
  ReadyPostgres,
  StartedGateway,
} from "./server.ts";

/** Milliseconds that a container which is being made may take before it is removed all the same. */
const settlePatience = 15_000;

/** What one supervisor has started, and how it is removed. */
class Session {
  readonly #id: string = randomBytes(4).toString("hex");
  readonly #settings: ContainerSettings;
  readonly #say: (text: string) => void;
  readonly #signal: AbortSignal;
  /** What the engine is making: it must be there, or not, before what there is can be removed. */
  readonly #making = new Set<Promise<unknown>>();
  #engine: Engine | undefined;
  #images: readonly Image[] = [];
  #held: HeldPostgres | undefined;
  /** Where Postgres is. */
  #place: Place | undefined;

  /** @param signal aborted when everything is to end */
  constructor(settings: ContainerSettings, say: (text: string) => void, signal: AbortSignal) {
    this.#settings = settings;
    this.#say = say;
    this.#signal = signal;
  }

  /** @throws {RowgateError} `container/…` */
  async start(): Promise<ReadyPostgres> {
    const began = performance.now();
    const engine = (this.#engine = await connectEngine());
    this.#signal.throwIfAborted();
    await sweep(engine.docker).catch(() => {});
    const [image, ...others] = await obtainImages(engine, this.#settings, this.#say);
    this.#images = [image, ...others];
    this.#signal.throwIfAborted();
    const imagesEnded = performance.now();
    const taken = await this.#make(this.#takeOrStart(engine, image));
    return {
      ...taken,
      images: this.#images.map(({ use, name, digest, id }) => ({ use, name, digest, id })),
      timings: { images: imagesEnded - began, start: performance.now() - imagesEnded },
    };
  }

  /** @throws {RowgateError} `container/…` */
  async startGateway({
    id,
    config,
  }: Extract<ContainerRequest, { kind: "start-gateway" }>): Promise<StartedGateway> {
    const image = this.#images.find(({ use }) => use === "postgrest");
    const [engine, place] = [this.#engine, this.#place];
    if (engine === undefined || place === undefined || image === undefined) throw noGateway;
    const plan = {
      image,
      name: this.#gatewayName(id),
      labels: this.#own(),
      postgres: place.postgres,
      config,
    };
    return this.#make(startPostgrest(this.#site(engine, place), plan));
  }

  async endGateway(id: number): Promise<void> {
    await this.#engine?.docker.getContainer(this.#gatewayName(id)).remove({ force: true, v: true });
  }

  /** Removes everything that is not to stay, also what was only half started. @throws what the engine says */
  async close(): Promise<void> {
    if (this.#engine === undefined) return;
    const { docker } = this.#engine;
    await Promise.race([Promise.allSettled(this.#making), wait(settlePatience)]);
    await removeLabelled(docker, `${labels.session}=${this.#id}`);
    await (this.#held === undefined
      ? removeLabelled(docker, `${labels.site}=${this.#id}`)
      : this.#held.giveBack());
  }

  async #takeOrStart(
    engine: Engine,
    image: Image,
  ): Promise<PreparedLogins & Pick<ReadyPostgres, "database" | "reused">> {
    const held = this.#settings.reuse ? await takeReusable(engine, image) : undefined;
    if (held !== undefined) {
      this.#held = held;
      this.#place = placeOf(held.site);
      return { database: held.database, ...(await preparedLogins(held.database)), reused: true };
    }
    this.#say(`starting ${image.name} …`);
    const database = await this.#startSite(engine, image);
    const logins = await preparePostgres(database);
    if (this.#settings.reuse) this.#held = await makeReusable(engine, database, this.#id);
    return { database, ...logins, reused: false };
  }

  /** Until it is one that others may take, a Postgres that is to stay is this session's to remove. */
  async #startSite(engine: Engine, image: Image): Promise<DatabaseAddress> {
    const { reuse } = this.#settings;
    const { [labels.session]: session, ...owner } = this.#own();
    const kind = reuse ? { [labels.reuse]: reuseKey(image) } : { [labels.session]: session };
    const marks = { ...owner, ...kind, [labels.site]: this.#id };
    const place = (this.#place = placeOf(this.#id));
    await createNetwork(engine, place.network, marks, reuse);
    return startPostgres(this.#site(engine, place), { image, name: place.postgres, labels: marks, reuse });
  }

  async #make<T>(work: Promise<T>): Promise<T> {
    this.#making.add(work);
    return work.finally(() => this.#making.delete(work));
  }

  #own(): Record<(typeof labels)["session" | "owner"], string> {
    return { [labels.session]: this.#id, [labels.owner]: ownerMark() };
  }

  #site(engine: Engine, { network }: Place): Site {
    return { engine, network, signal: this.#signal, secrets: [] };
  }

  #gatewayName(number: number): string {
    return `rowgate-${this.#id}-postgrest-${number}`;
  }
}

const noGateway = new RowgateError({
  code: "container/no-gateway",
  message: "a gateway was asked for where none was to be started",
});

// The library's cleaner is one more image, with the engine's socket mounted into it; this process does what it would do.
process.env["TESTCONTAINERS_RYUK_DISABLED"] ??= "true";

let session: Session | undefined;

await serveParent<ContainerSettings, ReadyPostgres, ContainerRequest, Progress>(
  {
    start: async (settings, { gone, notify }) => {
      session = new Session(settings, (text) => notify({ text }), gone);
      return session.start();
    },
    answer: async (request) =>
      request.kind === "start-gateway" ? session?.startGateway(request) : session?.endGateway(request.id),
    close: async () => session?.close(),
  },
  { code: "container/supervisor", message: "the containers could not be started" },
);
