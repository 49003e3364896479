-- variant: widget-handed-over
-- teaches: USING says which widgets may be changed, WITH CHECK what they may become: with CHECK true a widget moves to another's dashboard.
-- finds: { verdict: leak, persona: ben, relation: public.user_dashboard_widgets, operation: update, channels: [direct, rest] }
-- exit: 1

alter policy members_can_update_own_widgets on public.user_dashboard_widgets with check (true);
