import { type Check, listed, notAsked, problem, waitsFor, well } from "../answers.ts";

export const checkUsers: Check = ({ database, personas }) => {
  if (database.kind === "unreached") return waitsFor("login");
  const { users } = database;
  const known = personas.filter(({ sub }) => sub !== undefined);
  if (users.kind === "no-table") return notAsked("there is no auth.users here");
  if (known.length === 0) return notAsked("no persona with a `sub` was named");
  if (users.kind === "unreadable") return [problem("users-unread", { said: users.message })];
  if (users.isEmpty) return notAsked("auth.users is empty");
  const missing = known.filter(({ sub }) => sub !== undefined && users.missing.includes(sub));
  return missing.length > 0
    ? [problem("no-user", { personas: listed(missing.map(({ name }) => name)) })]
    : well(
        `auth.users knows the \`sub\` of ${known.length === 1 ? "the one persona" : `all ${known.length} personas`} with one`,
      );
};

export const checkMatrix: Check = ({ matrices, database }) => {
  if (matrices.length === 0) return notAsked("none was named (--matrix)");
  if (database.kind === "unreached") return waitsFor("login");
  const { superuser, bypassRls } = database.catalog.login;
  const blind = !superuser && !bypassRls;
  if (blind && matrices.every((one) => one.kind === "fits" || one.mistakes.length === 0))
    return waitsFor("full sight");
  return matrices.flatMap((matrix) =>
    matrix.kind === "fits"
      ? well(`${matrix.file} fits: ${matrix.cells} cells`)
      : [
          problem(
            "matrix-unfit",
            { file: matrix.file, said: matrix.message, hint: matrix.hint ?? "mend what is named below" },
            matrix.mistakes,
          ),
        ],
  );
};
