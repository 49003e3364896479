/** An answer as it came over the wire, before any client has touched it. */
export interface RawReply {
  readonly status: number;
  readonly contentRange: string | null;
  readonly preferenceApplied: string | null;
  /** By whose clock it was answered. */
  readonly date: string | null;
  /** Set: a cache has answered, and how it says so. */
  readonly cached: string | undefined;
  readonly body: string;
  /** The request, as people read it. */
  readonly sent: () => string;
}
