-- variant: key-replaced
-- teaches: A grant of UPDATE on the table is one on the column that nobody may read: an admin puts the hash of a key of his own into the place of one that others trust, with wider scopes.
-- finds: { verdict: leak, persona: adam, relation: platform.api_keys, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.api_keys, operation: update, channels: [direct, rest] }
-- finds: { verdict: pass, persona: mia, relation: platform.api_keys, operation: update, channels: [direct, rest] }
-- exit: 1

grant update on platform.api_keys to authenticated;
