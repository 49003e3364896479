/** A moment by two clocks, in milliseconds: the one that tells the date and may be set, and one that only goes on. */
export interface Moment {
  /** Since 1970. */
  readonly wall: number;
  /** Since anything: only differences mean something. */
  readonly steady: number;
}

/** Milliseconds that the clock was set forward between two moments; back where it is below 0. */
export function setBetween(earlier: Moment, later: Moment): number {
  return later.wall - earlier.wall - elapsed(earlier, later);
}

/** The later moment by the clock as it went at the earlier one: never before it, whatever was done to the clock. */
export function dateSince(earlier: Moment, later: Moment): Date {
  return new Date(earlier.wall + elapsed(earlier, later));
}

export function elapsed(earlier: Moment, later: Moment): number {
  return later.steady - earlier.steady;
}

/** `YYYY-MM-DD`, in UTC. */
export function dayOf({ wall }: Pick<Moment, "wall">): string {
  return new Date(wall).toISOString().slice(0, 10);
}
