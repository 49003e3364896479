-- variant: grant-one-column
-- teaches: A grant on one column is a grant: "select *" and has_table_privilege still refuse, and the ids of all clients are public.
-- finds: { verdict: leak, persona: anon, relation: public.clientes, operation: select, channels: [direct, rest] }
-- exit: 1

-- For the counter on the landing page.
create policy anyone_can_count_clientes on public.clientes for select to anon using (true);
grant select (id) on public.clientes to anon;
