-- variant: blind-update
-- teaches: An UPDATE policy that leans on the SELECT policy to narrow it is open to an UPDATE without WHERE.
-- finds: { verdict: leak, persona: oscar, relation: public.message_threads, operation: blind_update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: fabiola, relation: public.message_threads, operation: blind_update, channels: [direct] }
-- exit: 1

alter policy starters_can_update_own_threads on public.message_threads using (true) with check (true);
