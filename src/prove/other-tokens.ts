import type { Node } from "libpg-query";
import type { Json } from "../model/matrix.ts";
import type { ProofAnswer, RestsOn } from "../model/proof.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import {
  claimKey,
  type ClaimSource,
  type ComparedClaim,
  comparedClaims,
  jwtClaims,
} from "./analyse/claim-values.ts";
import { isOfSession, isOfToken } from "./analyse/claims.ts";
import { type Condition, printedCondition } from "./analyse/policy.ts";
import { literal, part, replace } from "./analyse/tree.ts";
import type { Row } from "./ask/evaluate.ts";
import type { ActingAs } from "./ask/step.ts";
import { askTexts } from "./ask/texts.ts";
import { undecided } from "./compared.ts";
import { type Context, personaAnswers } from "./context.ts";
import { contrast, relaxedTo } from "./contrast.ts";
import { isUuid, strangersId, strangersValue, tellingIdentities } from "./own.ts";
import { checkWithRow } from "./self.ts";
import { openedByLookups } from "./token-lookups.ts";
import { tokensOfRole, openedByParts } from "./token-parts.ts";
import {
  type Change,
  changedClaims,
  changesTo,
  claimsAskedBy,
  holdsAlike,
  textOf,
  valueOf,
  withChange,
} from "./token-claims.ts";
import { type Proved, readsOwn } from "./variants.ts";

/** The persona's token with other claims; no change: another user's, whom no row names. */
export interface OtherToken {
  readonly as: ActingAs;
  readonly changes: readonly Change[];
  /** What the persona's token holds, and what this one does. */
  readonly instead: readonly (readonly [own: string, other: string | null])[];
}

const tokenLimit = 48;
const pairLimit = 16;
const lookupLimit = 20;

type Undecided = Extract<ProofAnswer, { kind: "undecided" }>;

/**
 * A proof is about the claims that the persona holds. It is asked once more with each value that the policies compare a claim with, where
 * no persona of the same role holds it, and with the token of a user whom no row names; the row set is asked with that token as well.
 */
export async function openedByTokens(
  context: Context,
  proved: Proved,
  rests: RestsOn,
): Promise<Undecided | undefined> {
  const { policy, declared } = proved;
  const passes = rests.claims.length + rests.time.length === 0;
  if (!passes || policy.tree === undefined || declared.text === "true") return undefined;
  // Who does not sign in has no claims of its own.
  if (declared.tree === undefined || context.identities.length === 0) return undefined;
  const compared = comparedClaims(policy.tree, context.knowledge, context.as.role);
  const counting = claimsAskedBy(declared.tree, context);
  const tokens = [...newcomers(context, compared), ...(await otherTokens(context, compared, counting))];
  const opened = await Promise.all(
    tokens
      .slice(0, tokenLimit)
      .map(async (token) => ({ token, row: await opensFor(context, proved, token) })),
  );
  for (const { token, row } of opened) {
    if (row === undefined) continue;
    if (token.changes.length > 0) return openedBy(token, row);
    if (!(await someoneIsNew(context, rests))) return openedForNewcomer(context, row);
  }
  const asked = [...tokensOfRole(context), ...tokens.map((one) => one.as)];
  if (tokens.length <= tokenLimit)
    return (await openedByParts(context, proved, asked)) ?? openedByLookups(context, proved, asked);
  return undecided(
    `the policies compare claims with so much that ${tokens.length} other tokens would have to be asked, and ${tokenLimit} are`,
    "fewer values in one policy, or a waiver with a reason",
  );
}

/** What views, functions and triggers read of the token, they are not proved of: these tokens are to be asked. */
export async function tokensAskedBy(context: Context, places: Node): Promise<readonly OtherToken[]> {
  if (context.identities.length === 0) return [];
  return otherTokens(context, comparedClaims(places, context.knowledge, context.as.role), [], true);
}

function openedBy({ changes }: OtherToken, row: Row): Undecided {
  return openedWith(changes, `the policies let through ${JSON.stringify(row)}, and the matrix does not`);
}

export function openedWith(changes: OtherToken["changes"], happens: string): Undecided {
  const what = changes.map(({ source, value }) =>
    value === undefined
      ? `without the claim ${claimKey(source)}`
      : `with the claim ${claimKey(source)} = ${JSON.stringify(value)}`,
  );
  const declare = changes.some(({ value }) => value === undefined)
    ? "a persona without it"
    : `a persona with \`${JSON.stringify(changes.reduce(withChange, {}))}\` among its claims`;
  return undecided(
    `for a token ${what.join(" and ")}, which no persona of that role has beside the other claims that count, ${happens}`,
    `${declare}, or a waiver with a reason`,
  );
}

function openedForNewcomer({ as }: Context, row: Row): Undecided {
  return undecided(
    `for a user whom no row names, and no persona of the matrix is one, the policies let through ${JSON.stringify(row)}, and the matrix does not`,
    `such a persona: \`newcomer: { role: ${as.role ?? ""}, claims: { sub: ${strangersId} } }\`, or a waiver with a reason`,
  );
}

/** A row that the policies let through for the token, and the row set with the token's values does not. */
async function opensFor(
  context: Context,
  proved: Proved,
  { as, changes, instead }: OtherToken,
): Promise<Row | undefined> {
  const theirs = { ...context, as, answer: personaAnswers(context.session, as), stranger: undefined };
  const { policy, declared, storable } = proved;
  const self = policy.tree !== undefined && readsOwn(context, policy.tree);
  if (policy.tree === undefined || (!self && (await relaxedTo(theirs, policy)) === "never")) return undefined;
  let open: Row | undefined;
  for (const one of declaredFor(declared, instead)) {
    const found = await contrast(theirs, policy, one, false, storable);
    // With the row there, its own policies may say something else of it.
    const more =
      self && found.more.length > 0
        ? (await checkWithRow(theirs, policy, one, found.distinct, false)).more
        : found.more;
    // What names another user is that user's own.
    const isAnother = changes.length === 0 || changes.some(({ source }) => namesUser(context, source));
    const others = isAnother ? more.filter((row) => !namesOther(row, instead)) : more;
    if (others.length === 0) return undefined;
    open ??= others[0];
  }
  return open;
}

function namesOther(row: Row, instead: OtherToken["instead"]): boolean {
  return instead.some(([, other]) =>
    Object.values(row).some((value) => value !== null && value.includes(other ?? value)),
  );
}

/** The row set as it would be for the token: values of the persona's own claims are in its text, as parameters or written out. */
function declaredFor(declared: Condition, instead: OtherToken["instead"]): readonly Condition[] {
  const { tree } = declared;
  if (tree === undefined) return [declared];
  const [texts, all] = [false, true].map((numbers) => withValues(tree, instead, numbers));
  const made = [texts, all].flatMap((one) => (one === undefined ? [] : printedCondition(one)));
  const known = new Set([declared.text]);
  return [declared, ...made.filter(({ text }) => !known.has(text) && known.add(text))];
}

/** `undefined`: nothing of it is in there. */
function withValues(tree: Node, instead: OtherToken["instead"], numbers: boolean): Node | undefined {
  let met = false;
  const made = replace(tree, (node) => {
    const constant = part(node, "A_Const");
    const text =
      constant?.sval?.sval ?? (numbers && constant?.ival ? String(constant.ival.ival ?? 0) : undefined);
    for (const [own, other] of text === undefined ? [] : instead) {
      const within = isIdentity(own) && other !== null ? text?.replaceAll(own, other) : undefined;
      if (text !== own && (within === undefined || within === text)) continue;
      met = true;
      return literal(text === own ? other : (within ?? null));
    }
    return undefined;
  });
  return met ? made : undefined;
}

/** Long enough to be nothing else, within another text. */
function isIdentity(text: string): boolean {
  return isUuid(text) || text.includes("@");
}

/** The token of a user whom no row names, where the policies ask who the user is. */
function newcomers(context: Context, compared: readonly ComparedClaim[]): readonly OtherToken[] {
  const { stranger, identities } = context;
  if (stranger === undefined || !compared.some((one) => namesUser(context, one))) return [];
  return [
    {
      as: stranger,
      changes: [],
      instead: tellingIdentities(identities).map((one) => [one, strangersValue(one)] as const),
    },
  ];
}

/** Does a row of the data name each persona of the role? Asked of the relation itself and of what its policies read. */
async function someoneIsNew(
  { knowledge, space, session, personas, as }: Context,
  rests: RestsOn,
): Promise<boolean> {
  const relations = [space.relation, ...knowledge.schema.relations].filter(
    (one) => one === space.relation || rests.relations.includes(`${one.schema}.${one.name}`),
  );
  const subs = personas
    .filter(({ role }) => role === as.role)
    .flatMap((one) => textOf(valueOf(one, { setting: jwtClaims, path: ["sub"] })) ?? []);
  const named = await Promise.all(
    subs.map(async (sub) => {
      const sql = relations.map(
        (one) =>
          `select 'x' from ${quoteQualified(one)} as t where pg_catalog.strpos(t::text, ${quoteLiteral(sub)}) > 0`,
      );
      const found = await askTexts(session, `select * from (${sql.join(" union all ")}) as f(v) limit 1`);
      return found === undefined || found.length > 0;
    }),
  );
  return named.includes(false);
}

function namesUser({ as, identities }: Context, source: ClaimSource): boolean {
  const key = claimKey(source);
  if (source.setting === jwtClaims) return key === "sub" || key === "email";
  return identities.includes(textOf(valueOf(as, source)) ?? "");
}

async function otherTokens(
  context: Context,
  compared: readonly ComparedClaim[],
  /** Claims that count beside those that are compared. */
  counting: readonly ClaimSource[],
  whole = false,
): Promise<readonly OtherToken[]> {
  const { as } = context;
  // Another database role has cells of its own. Of policies, a token's times and how a user signed in are asked apart.
  const asked = compared.filter(
    (one) =>
      as.settings.some(([name]) => name === one.setting) &&
      !(one.setting === jwtClaims && one.path[0] === "role") &&
      (whole || one.setting !== jwtClaims || ![isOfToken, isOfSession].some((is) => is(one.path[0] ?? ""))),
  );
  const constants = asked.map((source) =>
    candidatesFor(context, source).flatMap((value) => changesTo(context, source, value)),
  );
  const pairs = constants.flatMap((one, index) =>
    constants.slice(index + 1).flatMap((others) => one.flatMap((a) => others.map((b) => [a, b]))),
  );
  const others = await Promise.all(asked.map((source) => furtherChanges(context, source)));
  const all = [
    ...constants.flat().map((one) => [one]),
    ...pairs.slice(0, pairLimit),
    ...others.flat().map((one) => [one]),
  ];
  const decisive = [...asked.filter((one) => one.values.length > 0 && !namesUser(context, one)), ...counting];
  return all.flatMap((changes) => tokenWith(context, changes, decisive) ?? []);
}

/** What is compared with the claim; of a list, what else it may hold; where nothing is known, what is compared near it. */
function candidatesFor({ as }: Context, source: ComparedClaim): readonly Json[] {
  const own = valueOf(as, source);
  if (Array.isArray(own)) {
    const kind = typeof (own[0] ?? "");
    const items = [...source.values, ...source.around].filter((one) => typeof one === kind);
    return [...new Set(items)].filter((one) => !own.includes(one)).map((one) => [one]);
  }
  if (source.values.length > 0 || source.path[0] === "sub") return source.values;
  return source.around.filter((one) => typeof one === typeof own);
}

const addressLimit = 8;

/** None, another one, and what tables hold where it is looked up. */
async function furtherChanges(context: Context, source: ComparedClaim): Promise<readonly Change[]> {
  const own = valueOf(context.as, source);
  const isOfUser = namesUser(context, source);
  if (isOfUser && source.path.join() !== "email") return [];
  const looked = await Promise.all(
    source.lookups.map(({ relation, column }) =>
      askTexts(
        context.session,
        `select distinct ${quoteIdent(column)}::text from ${quoteQualified(relation)} where ${quoteIdent(column)} is not null order by 1 limit ${lookupLimit}`,
      ),
    ),
  );
  const found = looked.flatMap((one) => one ?? []);
  // The part of an address that a table holds.
  const isAddress = typeof own === "string" && own.includes("@");
  const addresses = isAddress
    ? found
        .filter((one) => !one.includes("@"))
        .slice(0, addressLimit)
        .map((one) => `x@${one}`)
    : [];
  const none = own === undefined || source.setting !== jwtClaims ? [] : [undefined];
  const fresh =
    typeof own === "number" ? [1_000_000_009] : typeof own === "string" ? [strangersValue(own)] : [];
  const values = isOfUser ? [undefined, "", ...addresses] : [...none, ...fresh, ...found, ...addresses];
  return values.map((value) => ({ source, value }));
}

/** `undefined`: it is the persona's own token, or one like that of another persona in all that decides. */
function tokenWith(
  { as, personas }: Context,
  changes: readonly Change[],
  decisive: readonly ClaimSource[],
): OtherToken | undefined {
  const settings = changes.reduce(
    (all, { source, value }) =>
      all.map(([name, text]): readonly [string, string] =>
        name === source.setting
          ? [name, source.path.length === 0 ? (textOf(value) ?? "") : changedClaims(text, { source, value })]
          : [name, text],
      ),
    as.settings,
  );
  const token = { role: as.role, settings };
  const sources = [...decisive, ...changes.map(({ source }) => source)];
  const alike = (one: ActingAs): boolean =>
    sources.every((source) => holdsAlike(valueOf(one, source), valueOf(token, source)));
  if (changes.some(({ source, value }) => textOf(valueOf(as, source)) === textOf(value))) return undefined;
  if (personas.some((one) => one.role === as.role && alike(one))) return undefined;
  const instead = changes.flatMap(({ source, value }) => {
    const own = textOf(valueOf(as, source));
    const other = textOf(value) ?? null;
    const [domain, otherDomain] = [own, other].map((one) => one?.split("@")[1]);
    return [
      ...(own === undefined ? [] : [[own, other] as const]),
      ...(domain === undefined || otherDomain === undefined ? [] : [[domain, otherDomain] as const]),
    ];
  });
  return { as: token, changes, instead };
}
