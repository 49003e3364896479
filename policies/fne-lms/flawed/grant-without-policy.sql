-- variant: grant-without-policy
-- teaches: A grant that no policy opens shows no row today and every row on the day somebody adds a broad policy: the matrix declares `deny: grant`, and that gate stands open.
-- finds: { verdict: leak, persona: anon, relation: public.contratos, operation: select, channels: [direct, rest] }
-- exit: 1

grant select on public.contratos to anon;
