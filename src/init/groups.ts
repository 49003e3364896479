import type { InitPersona } from "./personas.ts";

/** Names for personas of whom the same is expected. */
export class Groups {
  readonly #personas: readonly InitPersona[];
  readonly #groups = new Map<string, string>();
  /** Whether personas of whom the same is expected get a name. */
  readonly grows: boolean;

  /** @param known group → its personas, of a matrix that is there: no more are made then */
  constructor(personas: readonly InitPersona[], known?: ReadonlyMap<string, readonly string[]>) {
    this.#personas = personas;
    this.grows = known === undefined;
    for (const [name, members] of known ?? []) this.#groups.set([...members].toSorted().join(), name);
  }

  named(members: readonly string[]): readonly string[] {
    const [first] = members;
    if (members.length <= 1) return first === undefined ? [] : [first];
    if (members.length === this.#personas.length) return ["'*'"];
    const key = [...members].toSorted().join();
    const known = this.#groups.get(key);
    if (known !== undefined) return [known];
    if (!this.grows) return members;
    const name = this.#nameFor(members);
    this.#groups.set(key, name);
    return [name];
  }

  #nameFor(members: readonly string[]): string {
    const taken = new Set([...this.#groups.values(), ...this.#personas.map(({ name }) => name)]);
    const of = (...standings: readonly string[]): string =>
      this.#personas
        .filter(({ standing }) => standings.includes(standing))
        .map(({ name }) => name)
        .toSorted()
        .join();
    const key = [...members].toSorted().join();
    const usual =
      key === of("user")
        ? "users"
        : key === of("user", "unknown-user")
          ? "signed_in"
          : key === of("user", "unknown-user", "no-token")
            ? "everyone"
            : undefined;
    const left = this.#personas.filter(
      ({ name, standing }) => standing === "user" && !members.includes(name),
    );
    const but =
      left.length === 1 &&
      members.length === this.#personas.filter(({ standing }) => standing === "user").length - 1;
    const joined = members.join("_and_");
    const base = ["owner", "colleague", "stranger", "both"].filter((one) =>
      this.#personas.some(({ name }) => name === one),
    );
    const name =
      usual ??
      (key === base.toSorted().join() ? "usual_users" : undefined) ??
      (but && members.length > 2 ? `users_but_${left[0]?.name ?? ""}` : undefined) ??
      (joined.length <= 32 ? joined : `group_${this.#groups.size + 1}`);
    return taken.has(name) ? `group_${this.#groups.size + 1}` : name;
  }

  lines(): readonly string[] {
    if (this.#groups.size === 0) return [];
    const order = this.#personas.map(({ name }) => name);
    return [
      "groups:",
      ...[...this.#groups].map(
        ([members, name]) =>
          `  ${name}: [${members
            .split(",")
            .toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
            .join(", ")}]`,
      ),
    ];
  }
}
