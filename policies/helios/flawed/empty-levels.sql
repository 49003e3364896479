-- variant: empty-levels
-- teaches: Nobody sees a row of an empty table, so nothing that is said of it is proved: vacuous, not passed.
-- finds: { verdict: vacuous, persona: ana, relation: public.user_field_visibility, operation: select, channels: [direct, rest] }
-- finds: { verdict: vacuous, persona: oscar, relation: public.user_field_visibility, operation: select, channels: [direct, rest] }
-- exit: 1

delete from public.user_field_visibility;
