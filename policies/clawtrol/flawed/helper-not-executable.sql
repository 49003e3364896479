-- variant: helper-not-executable
-- teaches: A policy calls its functions as whoever asks: without EXECUTE every query is 42501, also where a row was due, and the table's own policy has said nothing.
-- finds: { verdict: inconclusive, persona: max, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: inconclusive, persona: nobody, relation: public.tasks, operation: select, channels: [direct] }
-- exit: 1

revoke execute on function clawtrol.is_in_project(text) from clawtrol_app;
