/** A search, by one of several personas that are alike. */
export interface SharedSearch {
  /** What may be compared with what names the persona, or what its rows hold. */
  readonly constants: ReadonlySet<string>;
  /** Has one before searched for the same and found nothing? `what`: the texts that say what for. */
  hasFailed(what: string): Promise<boolean>;
  /** @param found it found something: the others search for themselves */
  end(what: string, found: boolean): void;
}
