/** A search, by one of several personas that are alike. */
export interface SharedSearch {
  /** Has one before searched for the same and found nothing? `what`: the texts that say what for. */
  hasFailed(what: string): Promise<boolean>;
  /** @param found it found something: the others search for themselves */
  end(what: string, found: boolean): void;
}
