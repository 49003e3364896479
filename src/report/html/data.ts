/*
 * The data block of an HTML report: what the page shows, already in words and cleaned of control characters. The page and
 * the report that writes it share these types and nothing else.
 */

/** A place in `texts`: each text of a run is there once. */
export type Text = number;
/** A place in `verdicts`, `evidences`, `operations`, `personas`, `relations` or `answers`; -1: none. */
export type Place = number;

export type Tone = "good" | "bad" | "warn" | "dim" | "strong";

export interface VerdictView {
  readonly name: string;
  readonly head: string;
  /** Next to the operation's letter in the map. */
  readonly letter: string;
  readonly tone: Tone;
  readonly failing: boolean;
  readonly means: string;
  readonly cells: number;
  readonly waived: number;
}

/** The strongest first. */
export interface EvidenceView {
  readonly name: string;
  readonly short: string;
  readonly means: string;
  readonly cells: number;
}

/** A letter of the map, and the operations that it means. */
export interface SlotView {
  readonly letter: string;
  readonly name: string;
  readonly operations: readonly Place[];
}

export interface PersonaView {
  readonly name: string;
  readonly role: string;
  /** JSON. */
  readonly claims: string;
}

export interface RelationView {
  readonly name: string;
  /** Policies, owner and grants when the run was made; empty: not recorded. */
  readonly inForce: readonly string[];
}

/** One channel's result for a cell. Many cells share one. */
export interface AnswerView {
  readonly verdict: Place;
  readonly evidence: Place;
  /** Observed. */
  readonly what: Text;
  readonly because: Text;
  /** The baseline query's rows; 0: it had none to count. */
  readonly baseline: Text;
}

/** One array a field, as long as there are cells: gzip likes them, and 50,000 cells are read at once. */
export interface CellColumns {
  readonly persona: readonly Place[];
  readonly relation: readonly Place[];
  readonly operation: readonly Place[];
  readonly call: readonly Text[];
  readonly column: readonly Text[];
  readonly verdict: readonly Place[];
  /** How much is declared: 0 no row, 1 some, 2 every row. */
  readonly extent: readonly number[];
  readonly declared: readonly Text[];
  readonly predicate: readonly Text[];
  readonly at: readonly Text[];
  /** 1 the matrix does not list it, 2 waived. */
  readonly flags: readonly number[];
  readonly waiver: readonly Text[];
  /** By channel: its answer, and what was sent, or why it was not asked. */
  readonly answers: readonly (readonly Place[])[];
  readonly probes: readonly (readonly Text[])[];
  /** In `failures`; only for cells that did not pass. */
  readonly failure: readonly Place[];
}

/** What only a cell that did not pass has. */
export interface FailureView {
  readonly cause: Text;
  readonly inForce: readonly Text[];
  readonly psql: Text;
  readonly curl: Text;
  readonly undo: Text;
  /** A command that starts the target again. */
  readonly command: Text;
}

export interface GroupView {
  readonly verdict: Place;
  readonly place: string;
  readonly what: string;
  readonly relation: Place;
  readonly cause: string;
  readonly because: string;
  readonly inForce: readonly string[];
  readonly waivers: readonly string[];
  readonly countHead: string;
  readonly beyondHead: string;
  readonly cells: number;
  readonly rows: readonly GroupRow[];
}

export interface GroupRow {
  /** Its place in the columns. */
  readonly cell: Place;
  readonly persona: Place;
  readonly column: string;
  readonly declared: string;
  readonly at: string;
  readonly channel: string;
  readonly did: string;
  readonly beyond: string;
  readonly keys: string;
  readonly because: string;
}

export interface FindingView {
  readonly kind: string;
  readonly severity: string;
  readonly tone: Tone;
  readonly title: string;
  readonly todo: string;
  readonly facts: readonly string[];
}

export interface ChangeKindView {
  readonly name: string;
  /** To look at before this run is taken for the new baseline. */
  readonly bad: boolean;
}

export interface AgainstView {
  readonly title: string;
  readonly id: string;
  readonly finishedAt: string;
  /** By cell: its verdict and its answers in the other run; -1: it was not in it. */
  readonly verdict: readonly Place[];
  readonly answers: readonly (readonly Place[])[];
  readonly kinds: readonly ChangeKindView[];
  /** By cell: its place in `kinds`; -1: nothing changed. */
  readonly kind: readonly Place[];
  /** By cell: access that was gained or lost, in words. */
  readonly access: Readonly<Record<number, string>>;
  /** Cells that only the other run has. */
  readonly gone: readonly { readonly name: string; readonly verdict: Place }[];
  /** Beside the cells, and not found by the other run. */
  readonly leaks: readonly string[];
  /** What is in force otherwise. */
  readonly rules: readonly string[];
}

export interface PageData {
  readonly title: string;
  readonly word: string;
  readonly tone: Tone;
  /** Sentences of the last line: why it failed, and what a PASS does not cover. */
  readonly facts: readonly string[];
  /** Why the archive is not believed. */
  readonly doubt: string;
  readonly id: string;
  readonly finishedAt: string;
  readonly totals: readonly (readonly [label: string, text: string])[];
  readonly rowgate: string;
  readonly channels: readonly string[];
  readonly verdicts: readonly VerdictView[];
  /** The order in which failures are listed. */
  readonly failureOrder: readonly Place[];
  readonly evidences: readonly EvidenceView[];
  /** As ids spell them, and as people read them. */
  readonly operationNames: readonly string[];
  readonly operations: readonly string[];
  readonly slots: readonly SlotView[];
  readonly personas: readonly PersonaView[];
  readonly relations: readonly RelationView[];
  readonly texts: readonly string[];
  readonly answers: readonly AnswerView[];
  readonly cells: CellColumns;
  /** Ids that are not what a cell's fields spell. */
  readonly ids: Readonly<Record<number, string>>;
  readonly failures: readonly FailureView[];
  readonly groups: readonly GroupView[];
  /** Groups beyond those that are listed, in words. */
  readonly left: readonly string[];
  readonly findings: readonly FindingView[];
  readonly waivedRelations: readonly string[];
  readonly against: AgainstView | null;
}
