-- variant: key-hash-granted
-- teaches: A grant on the table is a grant on its every column: with it, members read the hashes of the keys that they may see.
-- finds: { verdict: leak, persona: mia, relation: platform.api_keys, operation: select, column: key_hash, channels: [direct, rest] }
-- finds: { verdict: leak, persona: olivia, relation: platform.api_keys, operation: select, column: key_hash, channels: [direct, rest] }
-- finds: { verdict: pass, persona: mia, relation: platform.api_keys, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: mia, relation: platform.api_keys, operation: select, column: name, channels: [direct, rest] }
-- exit: 1

grant select on platform.api_keys to authenticated;
