// initdb and the start of the server, and nothing else.
import { startEmbedded } from "../dist/stage/postgres/server.js";

const server = await startEmbedded();
process.stdout.write(`${JSON.stringify(server.timings)}\n`);
await server.stop();
