import { jsonObject } from "./json.ts";

/** The claims that a JWT holds, believed for nothing; `undefined`: it holds none. */
export function jwtPayload(token: string): Readonly<Record<string, unknown>> | undefined {
  return jsonObject(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
}
