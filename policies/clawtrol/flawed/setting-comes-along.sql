-- variant: setting-comes-along
-- teaches: ALTER ROLE … SET gives every session of that login an identity that nobody asked for: a report in nobody's name is one in the admin's.
-- finds: { verdict: leak, persona: report, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: report, relation: public.audit_log, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: report, relation: public.users, operation: select, channels: [direct] }
-- exit: 1

-- "So that the nightly report sees everything."
do $$
begin
  execute format('alter role clawtrol_readonly in database %I set app.user_id = %L', current_database(), 'u-ada');
end
$$;
