-- variant: broad-activity-policy
-- teaches: Permissive policies add up: one broad policy left beside a tight one is all that counts.
-- finds: { verdict: leak, persona: oscar, relation: public.activity_feed, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: raul, relation: public.activity_feed, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: bruno, relation: public.activity_feed, operation: select, channels: [direct, rest] }
-- exit: 1

create policy "Users can view public activities" on public.activity_feed for select using (true);
