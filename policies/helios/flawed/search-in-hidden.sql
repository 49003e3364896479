-- variant: search-in-hidden
-- teaches: Every field comes back hidden as it should, and yet whoever asks for one digit after the other learns a hidden number: what is searched must be what may be seen.
-- finds: { verdict: leak, persona: ana, relation: public.find_by_mobile, operation: execute, channels: [direct, rest] }
-- finds: { verdict: leak, persona: marek, relation: public.find_by_mobile, operation: execute, channels: [direct, rest] }
-- finds: { verdict: pass, persona: oscar, relation: public.find_by_mobile, operation: execute, channels: [direct, rest] }
-- exit: 1

create or replace function public.find_by_mobile(digits text) returns setof public.member_profiles
language sql stable security definer set search_path = ''
as $$
  select p.*
  from public.member_profiles p
  join public.organization_users u on u.id = p.id
  where pg_catalog.strpos(u.mobile_phone, digits) > 0
$$;
