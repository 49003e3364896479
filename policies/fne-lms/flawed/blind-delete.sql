-- variant: blind-delete
-- teaches: A DELETE without WHERE is not held back by the SELECT policies: who sees no entry can still delete them all.
-- finds: { verdict: leak, persona: oscar, relation: public.activity_feed, operation: blind_delete, channels: [direct, rest] }
-- finds: { verdict: leak, persona: belen, relation: public.activity_feed, operation: blind_delete, channels: [direct, rest] }
-- exit: 1

alter policy authors_can_delete_own_activity on public.activity_feed using (true);
