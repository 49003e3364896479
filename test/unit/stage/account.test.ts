import { expect, test } from "vitest";
import { chooseAccount } from "../../../src/stage/postgres/account.ts";

const cases = [
  {
    what: "nobody first",
    passwd: "root:x:0:0::/:\ndaemon:x:1:1::/:\nnobody:x:65534:65533::/:",
    is: ["nobody", 65534, 65533],
  },
  {
    what: "macOS's negative numbers",
    passwd: "# comment\nnobody:*:-2:-2:Unprivileged User:/:",
    is: ["nobody", 4294967294, 4294967294],
  },
  { what: "daemon without a nobody", passwd: "postgres:x:70:70::/:\ndaemon:x:2:2::/:", is: ["daemon", 2, 2] },
  {
    what: "no account with root's number",
    passwd: "nobody:x:0:0::/:\npostgres:x:70:71::/:",
    is: ["postgres", 70, 71],
  },
  { what: "none of an empty file", passwd: "", is: undefined },
  { what: "none of a file with others only", passwd: "root:x:0:0::/:\nmy-nobody:x:9:9::/:", is: undefined },
];

test.each(cases)("chooses $what", ({ passwd, is }) => {
  const account = chooseAccount(passwd);
  expect(account && [account.name, account.uid, account.gid]).toEqual(is);
});
