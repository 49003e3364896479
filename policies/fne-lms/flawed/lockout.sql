-- variant: lockout
-- teaches: A policy that is missing hurts as quietly as one too many: the feed is empty for those who should read it.
-- finds: { verdict: lockout, persona: bruno, relation: public.activity_feed, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: diana, relation: public.activity_feed, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: adela, relation: public.activity_feed, operation: select, channels: [direct, rest] }
-- exit: 1

drop policy workspace_members_can_read_activity on public.activity_feed;
