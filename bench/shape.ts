/** How large a generated system is: personas × relations × {select, insert, update, delete}. */
export interface Shape {
  /** A multiple of ten, so that the mix of expectations is exact. */
  readonly personas: number;
  readonly relations: number;
}

export const operationsPerPair = 4;

/** `--only` for exactly the four operations: the others are denied by default and would be probed as well. */
export const fourOperations = "*/*/{select,insert,update,delete}";

/**
 * Guests hold no grant (denied by grant); outsiders hold every grant and own nothing (denied by filter and by check);
 * members reach their own rows; staff reaches all rows by its role.
 */
export type PersonaClass = "guest" | "outsider" | "member" | "staff";

export interface GeneratedPersona {
  readonly name: string;
  readonly class: PersonaClass;
  readonly role: "anon" | "authenticated" | "bench_guest" | "bench_staff";
  /** The first persona signs in with nothing. */
  readonly sub: string | undefined;
}

// Half deny, three tenths row sets, two tenths allow; neighbours differ, so that batches interleave them.
const classes: readonly PersonaClass[] = [
  "guest",
  "member",
  "outsider",
  "staff",
  "outsider",
  "member",
  "guest",
  "member",
  "outsider",
  "staff",
];

const roles: Record<PersonaClass, GeneratedPersona["role"]> = {
  guest: "bench_guest",
  outsider: "authenticated",
  member: "authenticated",
  staff: "bench_staff",
};

/** Who owns rows that no persona of the matrix may reach, staff apart. */
export const stranger = "00000000-0000-4000-8000-00000000dead";
/** Rows of each relation that belong to the stranger, besides one for each member. */
export const strangersRows = 6;

export function cellsOf({ personas, relations }: Shape): number {
  return personas * relations * operationsPerPair;
}

export function personasOf({ personas }: Shape): readonly GeneratedPersona[] {
  if (personas % classes.length !== 0 || personas === 0) {
    throw new RangeError(`personas come in tens: ${personas}`);
  }
  return Array.from({ length: personas }, (_, index) => {
    const kind = classes[index % classes.length] ?? "guest";
    const anonymous = index === 0;
    return {
      name: anonymous ? "anon" : `p${String(index).padStart(4, "0")}`,
      class: kind,
      role: anonymous ? "anon" : roles[kind],
      sub: anonymous ? undefined : `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    };
  });
}

export function relationsOf({ relations }: Shape): readonly string[] {
  return Array.from({ length: relations }, (_, index) => `t${String(index).padStart(4, "0")}`);
}

export function membersOf(shape: Shape): readonly GeneratedPersona[] {
  return personasOf(shape).filter((persona) => persona.class === "member");
}
