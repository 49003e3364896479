import type { Identity } from "../model/channel.ts";
import type { Target } from "../model/target.ts";

/** What must not be written anywhere, whoever says it. */
export function secretsOf(
  { database, rest, signingKey }: Target,
  identities: readonly Identity[],
): readonly string[] {
  const key = signingKey === undefined ? undefined : keyOf(signingKey);
  const tokens = identities.map(({ token }) => token);
  return [database.password, key, rest?.apiKey, ...tokens].flatMap((one) =>
    one === undefined || one === "" ? [] : [one],
  );
}

function keyOf(key: NonNullable<Target["signingKey"]>): string {
  return key.algorithm === "HS256" ? key.secret : key.privateKeyPem;
}
