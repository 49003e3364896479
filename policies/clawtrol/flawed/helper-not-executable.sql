-- variant: helper-not-executable
-- teaches: A policy calls its functions as whoever asks: without EXECUTE every query is 42501, also where a row was due: a lockout there, and a deny that holds for want of the privilege.
-- finds: { verdict: lockout, persona: max, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: pass, persona: nobody, relation: public.tasks, operation: select, channels: [direct] }
-- exit: 1

revoke execute on function clawtrol.is_in_project(text) from clawtrol_app;
