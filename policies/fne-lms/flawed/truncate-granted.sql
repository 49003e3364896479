-- variant: truncate-granted
-- teaches: TRUNCATE asks no policy: Supabase's default grant of ALL is enough to empty the table.
-- finds: { verdict: leak, persona: oscar, relation: public.cuotas, operation: truncate, channels: [direct] }
-- finds: { verdict: leak, persona: bruno, relation: public.cuotas, operation: truncate, channels: [direct] }
-- exit: 1

grant truncate on public.cuotas to authenticated;
