/** What a command may use of the process that it runs in. */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly out: TextSink;
  readonly err: TextSink;
  /** In GitHub Actions: writes workflow commands. What `out` and `err` write is never one there. */
  readonly annotate?: ((text: string) => void) | undefined;
  /** Aborted by Ctrl-C and its like: what was started is stopped, what was written in part is removed. */
  readonly interrupted: AbortSignal;
}

export interface TextSink {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  /** Characters in a line. */
  readonly columns: number;
}

/**
 * A text that the runner's log may show: the runner obeys lines that begin with `::`, and `##[` anywhere, regardless of their origin. A
 * name or a key of the database must not set variables or mask the log.
 */
export function withoutCommands(text: string): string {
  return text.replaceAll(/^(\s*):(?=:)/gm, "$1\u2236").replaceAll("##[", "#\u200B#[");
}

/** 0 all passed, 1 an expectation failed, 2 the harness could not do its job. */
export type ExitCode = 0 | 1 | 2;

/** Rejects as soon as it is interrupted. The work goes on unobserved, and must be harmless. */
export async function interruptible<T>(work: Promise<T>, interrupted: AbortSignal): Promise<T> {
  const over = new Promise<never>((_, reject) => {
    const stop = (): void => reject(interrupted.reason as Error);
    if (interrupted.aborted) stop();
    else interrupted.addEventListener("abort", stop, { once: true });
  });
  return await Promise.race([work, over]);
}
