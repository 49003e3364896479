/** An answer as it came over the wire, before any client has touched it. */
export interface RawReply {
  readonly status: number;
  readonly contentRange: string | null;
  readonly preferenceApplied: string | null;
  readonly body: string;
  /** The request, as people read it. */
  readonly sent: () => string;
}
