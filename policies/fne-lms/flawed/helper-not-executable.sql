-- variant: helper-not-executable
-- teaches: A policy calls its functions as whoever asks: without EXECUTE every query is 42501, also where a row was due, and a deny that the filter should give is given by a grant.
-- finds: { verdict: lockout, persona: adela, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: oscar, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- exit: 1

revoke execute on function public.is_admin_or_consultor(uuid) from authenticated;
