-- variant: levels-set-by-others
-- teaches: Who may write another's levels may read another's fields: the visibility table is as sensitive as what it hides.
-- finds: { verdict: leak, persona: ana, relation: public.user_field_visibility, operation: blind_update, channels: [direct] }
-- finds: { verdict: leak, persona: raul, relation: public.user_field_visibility, operation: blind_update, channels: [direct, rest] }
-- exit: 1

alter policy members_can_update_own_visibility on public.user_field_visibility using (true) with check (true);
