-- variant: view-for-guests
-- teaches: A grant that shows no row today, because nobody is signed in, is a gate left open: the matrix declares `deny: grant`.
-- finds: { verdict: leak, persona: anon, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- exit: 1

grant select on public.member_profiles to anon;
grant usage on schema private to anon;
grant execute on function private.my_organization(), private.may_see(uuid, text) to anon;
