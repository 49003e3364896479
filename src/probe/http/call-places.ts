import type { Cell } from "../../model/cell.ts";
import { Caller } from "./caller.ts";
import type { SchemaClient } from "./clients.ts";
import { isWriteCall, rpcOf } from "./rpc.ts";
import type { Sender } from "./sender.ts";

/** Declared calls that a handshake may make where there is no relation to ask for: GETs that are meant to go through. */
export function harmlessCalls(cells: readonly Cell[]): readonly Cell[] {
  return cells.filter(
    (cell) => cell.channels.includes("rest") && cell.expectation.kind !== "deny" && !isWriteCall(cell),
  );
}

export function callerOfCall(client: SchemaClient, sender: Sender, { relation, call }: Cell): Caller {
  return new Caller(client, sender, relation.info, call && rpcOf(call));
}
