-- variant: empty-table
-- teaches: Nobody sees a row of an empty table, so nothing that is said of it is proved: vacuous, not passed.
-- finds: { verdict: vacuous, persona: otto, relation: platform.api_keys, operation: select, channels: [direct, rest] }
-- finds: { verdict: vacuous, persona: olivia, relation: platform.api_keys, operation: update, channels: [direct, rest] }
-- exit: 1

delete from platform.api_keys;
