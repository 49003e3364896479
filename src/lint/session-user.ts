import type { Catalog } from "../model/catalog.ts";
import type { Matrix } from "../model/matrix.ts";
import { formatQualified } from "../lib/sql-text.ts";

/** The policies of declared relations that read who logged in, which differs between the channels by nature. */
export function policiesReadingLogin(
  { relations }: Matrix,
  catalog: Catalog,
): readonly { readonly relation: string; readonly policy: string }[] {
  const declared = new Set(relations.map((one) => formatQualified(one)));
  return catalog.relations
    .filter((info) => declared.has(formatQualified(info)))
    .flatMap((info) =>
      info.policies
        .filter(({ using, check }) => /\bsession_user\b/i.test(`${using ?? ""} ${check ?? ""}`))
        .map(({ name }) => ({ relation: formatQualified(info), policy: name })),
    );
}
