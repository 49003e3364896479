-- variant: widget-for-another
-- teaches: An INSERT policy that asks whether somebody is a member, and not whose row it is, lets any member put a widget on anybody's dashboard.
-- finds: { verdict: leak, persona: ana, relation: public.user_dashboard_widgets, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: olga, relation: public.user_dashboard_widgets, operation: insert, channels: [direct, rest] }
-- exit: 1

alter policy members_can_add_own_widgets on public.user_dashboard_widgets
with check ((select private.my_member_id()) is not null);
