-- variant: insert-for-others
-- teaches: WITH CHECK true on INSERT lets anybody post under anybody's name, in any school.
-- finds: { verdict: leak, persona: bruno, relation: public.activity_feed, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.activity_feed, operation: insert, channels: [direct, rest] }
-- exit: 1

alter policy members_can_post_own_activity on public.activity_feed with check (true);
