-- variant: guest-at-the-door
-- teaches: USAGE on the schema shows no row by itself; it is the one gate that stands between guests and every grant to come: the matrix declares `deny: schema`, and that gate stands open.
-- finds: { verdict: leak, persona: anon, relation: platform.users, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: anon, relation: platform.billing_plans, operation: select, channels: [direct, rest] }
-- exit: 1

grant usage on schema platform to anon;
