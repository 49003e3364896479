-- variant: finance-to-public
-- teaches: A policy without TO is for every role: with the dashboard's template and one grant, guests read the instalments.
-- finds: { verdict: leak, persona: anon, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: diana, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- exit: 1

create policy "Enable read access for all users" on public.cuotas for select to public using (true);
grant select on public.cuotas to anon;
