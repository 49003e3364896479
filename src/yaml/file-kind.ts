/** What a YAML file is, for messages: a noun that takes `a`, and how one begins. */
export interface FileKind {
  readonly noun: string;
  readonly begins: string;
}

export const matrixFile: FileKind = { noun: "matrix", begins: "matrix: <name>" };
