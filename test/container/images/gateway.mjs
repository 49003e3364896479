/**
 * Stands where a PostgREST would: takes its settings from PGRST_…, serves on its ports, answers on its admin port. What
 * answers is rowgate's builtin gateway, which says so in every answer.
 */
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { startGateway } from "./dist/stage/gateway/server.js";

const set = (name) => process.env[`PGRST_${name}`];
const uri = Object.fromEntries(
  [...set("DB_URI").matchAll(/(\w+)='((?:[^'\\]|\\.)*)'/g)].map(([, name, value]) => [
    name,
    value.replaceAll(/\\(.)/g, "$1"),
  ]),
);
const { keys } = JSON.parse(set("JWT_SECRET"));

async function start() {
  return startGateway({
    database: {
      host: uri.host,
      port: Number(uri.port),
      user: uri.user,
      password: uri.password,
      database: uri.dbname,
    },
    schemas: set("DB_SCHEMAS").split(","),
    anonRole: set("DB_ANON_ROLE"),
    jwt: { secret: Buffer.from(keys[0].k, "base64url").toString() },
    txEnd: set("DB_TX_END"),
  });
}

const gateway = await start();
// It listens on loopback only, which within a container nobody else can reach.
const { port } = new URL(gateway.url);
createServer((from) => {
  const to = connect(Number(port), "127.0.0.1");
  from.on("error", () => to.destroy()).pipe(to);
  to.on("error", () => from.destroy()).pipe(from);
}).listen(Number(set("SERVER_PORT")), set("SERVER_HOST"));
createHttpServer((request, response) => {
  response.writeHead(request.url === "/ready" ? 200 : 404).end();
}).listen(Number(set("ADMIN_SERVER_PORT")), set("ADMIN_SERVER_HOST"));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit());
