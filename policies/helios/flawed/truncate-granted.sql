-- variant: truncate-granted
-- teaches: TRUNCATE asks no policy: Supabase's default grant of ALL is enough to empty everybody's levels.
-- finds: { verdict: leak, persona: ana, relation: public.user_field_visibility, operation: truncate, channels: [direct] }
-- finds: { verdict: leak, persona: oscar, relation: public.user_field_visibility, operation: truncate, channels: [direct] }
-- exit: 1

grant truncate on public.user_field_visibility to authenticated;
