-- variant: open-to-the-login
-- teaches: A policy that asks who logged in asks nobody who is at work.
-- finds: { verdict: leak, persona: report, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: report_max, relation: public.tasks, operation: select, channels: [direct] }
-- exit: 1
-- names: session-user-policy public.tasks reports_read_tasks

create policy reports_read_tasks on public.tasks for select using (session_user = 'clawtrol_readonly');
