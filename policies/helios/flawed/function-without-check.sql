-- variant: function-without-check
-- teaches: SECURITY DEFINER, set for speed, and the argument taken at its word: whoever asks gets the organization that was asked for, with every field.
-- finds: { verdict: leak, persona: ana, relation: public.organization_profiles, operation: execute(boreal), channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.organization_profiles, operation: execute(aurora), channels: [direct, rest] }
-- finds: { verdict: leak, persona: raul, relation: public.organization_profiles, operation: execute(aurora), channels: [direct, rest] }
-- finds: { verdict: leak, persona: ana, relation: public.organization_profiles, operation: execute(aurora), column: phone, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.organization_profiles, operation: execute(aurora), channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.member_profiles, operation: select, column: phone, channels: [direct, rest] }
-- exit: 1

create or replace function public.organization_profiles(org integer) returns setof public.member_profiles
language sql stable security definer set search_path = ''
as $$
  select
    u.id, u.organization_id, u.name, u.role, u.status,
    u.bio, u.email, u.fun_facts, u.interests, u.personal_email, u.phone, u.video_intro, u.voice_intro,
    u.pronouns, u.mobile_phone, u.location, u.job_title, u.work_phone, u.timezone
  from public.organization_users u
  where u.organization_id = org and u.status = 'active'
$$;
