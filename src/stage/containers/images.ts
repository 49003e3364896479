/**
 * What a container target is made of where nobody says otherwise: the major version of the embedded target, and the
 * PostgREST that the builtin gateway was measured against.
 */
export const defaultImages: { readonly postgres: string; readonly postgrest: string } = {
  postgres: "postgres:17",
  postgrest: "postgrest/postgrest:v16.2",
};
