import type { FunctionSpec, RelationSpec } from "../model/matrix.ts";
import type { Declaring } from "./declarations.ts";
import type { FunctionDraft } from "./functions.ts";
import type { RelationDraft } from "./relations.ts";

export function toSpec(draft: RelationDraft, declarations: ReturnType<Declaring>): RelationSpec {
  const { schema, name, at, key, control, survives, scope } = draft;
  return {
    schema,
    name,
    at,
    key,
    control,
    survives,
    rowSets: [...scope.rowSets.values()].flatMap((set) => set?.rowSet ?? []),
    candidates: [...scope.candidates.values()].flatMap((row) => row?.candidate ?? []),
    get declarations() {
      return declarations();
    },
  };
}

export function toFunctionSpec(
  { scope, expect: _expect, ...draft }: FunctionDraft,
  declarations: ReturnType<Declaring>,
): FunctionSpec {
  return {
    ...draft,
    rowSets: [...scope.rowSets.values()].flatMap((set) => set?.rowSet ?? []),
    calls: [...scope.candidates.values()].flatMap((call) =>
      call === undefined
        ? []
        : [{ name: call.candidate.name, arguments: call.candidate.values, at: call.candidate.at }],
    ),
    get declarations() {
      return declarations();
    },
  };
}
