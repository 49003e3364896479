-- variant: catalogue-open
-- teaches: "Any signed-in user" is not "an admin": the template of the dashboard leaves the catalogue to everybody.
-- finds: { verdict: leak, persona: ana, relation: public.available_modules, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: ana, relation: public.available_modules, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.available_modules, operation: delete, channels: [direct, rest] }
-- exit: 1

create policy "Enable all for authenticated users" on public.available_modules to authenticated
using (auth.role() = 'authenticated') with check (auth.role() = 'authenticated');
