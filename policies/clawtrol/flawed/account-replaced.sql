-- variant: account-replaced
-- teaches: Who may rename himself needs UPDATE on the name; on "githubId" as well, he signs in with another account as the same user.
-- finds: { verdict: leak, persona: max, relation: public.users, operation: update, channels: [direct] }
-- finds: { verdict: leak, persona: otto, relation: public.users, operation: update, channels: [direct] }
-- exit: 1

grant update ("githubId") on public.users to clawtrol_app;
