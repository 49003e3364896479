import type { ProbeReply } from "./facts.ts";

/** PostgREST has lost its database, or has not read its schema yet. */
export function lacksDatabase({ code }: ProbeReply): boolean {
  return code !== undefined && /^PGRST00[0-3]$/.test(code);
}

/** PostgREST answered, and for its database: an answer of another server proves nothing. */
export function speaks(reply: ProbeReply): boolean {
  return reply.rows || (reply.code !== undefined && !lacksDatabase(reply));
}

/** PGRST300: it has no key; 301: the signature is of no known key; 302: a token is required; 303: a claim is not accepted. */
export function refusesToken({ code }: ProbeReply): boolean {
  return code !== undefined && /^PGRST30[0-3]$/.test(code);
}
