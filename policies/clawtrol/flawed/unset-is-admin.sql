-- variant: unset-is-admin
-- teaches: A default for jobs that run without a user is a default for whoever comes without one.
-- finds: { verdict: leak, persona: nobody, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: nobody, relation: public.settings, operation: blind_delete, channels: [direct] }
-- finds: { verdict: leak, persona: nobody, relation: public.projects, operation: insert, channels: [direct] }
-- finds: { verdict: leak, persona: report, relation: public.users, operation: select, channels: [direct] }
-- exit: 1
-- names: never set

create or replace function clawtrol.user_id() returns text
language sql stable set search_path = ''
as $$
  select coalesce(current_setting('app.user_id', true), 'u-ada')
$$;
