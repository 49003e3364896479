-- variant: self-promotion
-- teaches: "Members may edit their own row" plus UPDATE on the one column that matters makes every member a manager, and managers see more.
-- finds: { verdict: leak, persona: ana, relation: public.organization_users, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: olga, relation: public.organization_users, operation: update, channels: [direct, rest] }
-- chain: escalation ana: update public.organization_users set role = manager → call public.organization_profiles(aurora)
-- exit: 1

grant update (role) on public.organization_users to authenticated;
