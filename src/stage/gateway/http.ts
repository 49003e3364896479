import type { IncomingMessage, ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import type { Answer } from "./answer.ts";
import { Refused, refuse } from "./errors.ts";
import { answerToRefused } from "./response.ts";
import { serve } from "./serve.ts";
import type { Service } from "./serve.ts";

const mostBytes = 8 * 1024 * 1024;

/** Reads a request whole, has it served and writes the answer. Never throws. */
export async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  service: Service,
): Promise<void> {
  const { method = "GET", url = "/", headers } = request;
  try {
    const body = await readBody(request, service.config.maxBodyBytes ?? mostBytes);
    write(response, await serve({ method, url, headers, body }, service));
  } catch (error) {
    if (error instanceof Refused) write(response, answerToRefused(error.refusal));
    else response.destroy();
  }
}

async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  if (encoding === undefined && Number(length) === 0) return Buffer.alloc(0);
  return collect(request, most);
}

/** A body that is too large is read to its end all the same: a client that is cut off does not read the answer. */
async function collect(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= most) chunks.push(chunk);
  });
  await finished(request);
  if (length > most) throw refuse.tooLarge(most);
  return Buffer.concat(chunks);
}

/** A header's value on the wire: UTF-8 as it is, without what would end it. */
function headerText(text: string): string {
  return Buffer.from(text)
    .toString("latin1")
    .replaceAll(/[^\t -~\x80-\xff]/g, " ");
}

function write(response: ServerResponse, { status, statusText, headers, body }: Answer): void {
  const all = Object.entries({ Server: "rowgate-builtin-gateway", ...headers });
  const length = status === 204 ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  // A reason phrase cannot hold every character that a message can.
  if (statusText !== undefined && /^[\t -~]*$/.test(statusText)) response.statusMessage = statusText;
  response.writeHead(status, {
    ...Object.fromEntries(all.map(([name, value]) => [name, headerText(value)])),
    ...length,
  });
  response.end(status === 204 ? undefined : body);
}
