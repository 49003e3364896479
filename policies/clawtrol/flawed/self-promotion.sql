-- variant: self-promotion
-- teaches: Who may rename himself may do more with the same policy, unless WITH CHECK says what he stays.
-- finds: { verdict: leak, persona: max, relation: public.users, operation: update, channels: [direct] }
-- finds: { verdict: leak, persona: otto, relation: public.users, operation: update, channels: [direct] }
-- chain: escalation max: update public.users set role = admin → select public.audit_log
-- exit: 1

alter policy users_rename_themselves on public.users with check (id = clawtrol.user_id());
