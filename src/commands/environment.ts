/** What a command may use of the process that it runs in. */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly out: TextSink;
  readonly err: TextSink;
  /** Aborted by Ctrl-C and its like: what was started is stopped, what was written in part is removed. */
  readonly interrupted: AbortSignal;
}

export interface TextSink {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  /** Characters in a line. */
  readonly columns: number;
}

/** 0 all passed, 1 an expectation failed, 2 the harness could not do its job. */
export type ExitCode = 0 | 1 | 2;
