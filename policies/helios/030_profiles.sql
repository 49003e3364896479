-- The only way to the fourteen fields: the live members of the caller's organization, each field NULL unless its
-- owner lets the caller see it.
--
-- The view reads with its owner's rights, on purpose: the caller holds no privilege on the columns behind it, so a
-- security_invoker view could show nothing. Its own WHERE is then all that parts the organizations, and
-- security_barrier keeps a caller's condition (`name = 'x' and 1 / 0 = 0`) from being tried on rows that it hides.
create view public.member_profiles with (security_barrier = true) as
select
  u.id,
  u.organization_id,
  u.name,
  u.role,
  u.status,
  case when private.may_see(u.id, 'bio')            then u.bio            end as bio,
  case when private.may_see(u.id, 'email')          then u.email          end as email,
  case when private.may_see(u.id, 'fun_facts')      then u.fun_facts      end as fun_facts,
  case when private.may_see(u.id, 'interests')      then u.interests      end as interests,
  case when private.may_see(u.id, 'personal_email') then u.personal_email end as personal_email,
  case when private.may_see(u.id, 'phone')          then u.phone          end as phone,
  case when private.may_see(u.id, 'video_intro')    then u.video_intro    end as video_intro,
  case when private.may_see(u.id, 'voice_intro')    then u.voice_intro    end as voice_intro,
  case when private.may_see(u.id, 'pronouns')       then u.pronouns       end as pronouns,
  case when private.may_see(u.id, 'mobile_phone')   then u.mobile_phone   end as mobile_phone,
  case when private.may_see(u.id, 'location')       then u.location       end as location,
  case when private.may_see(u.id, 'job_title')      then u.job_title      end as job_title,
  case when private.may_see(u.id, 'work_phone')     then u.work_phone     end as work_phone,
  case when private.may_see(u.id, 'timezone')       then u.timezone       end as timezone
from public.organization_users u
where u.organization_id = (select private.my_organization())
  and u.status = 'active';

-- The same rows for clients that ask by organization. It reads the view as its caller, and so shows no more than the
-- view does; about an organization that is not the caller's it refuses rather than answer with nothing.
create function public.organization_profiles(org integer) returns setof public.member_profiles
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if org is distinct from private.my_organization() then
    raise insufficient_privilege using message = 'not a member of this organization';
  end if;
  return query select p.* from public.member_profiles p where p.organization_id = org;
end
$$;

-- Whose number was that? Looks among the numbers that the caller may see: to look among all of them would tell who has a
-- hidden one, digit by digit.
create function public.find_by_mobile(digits text) returns setof public.member_profiles
language sql stable security invoker set search_path = ''
as $$
  select p.* from public.member_profiles p where pg_catalog.strpos(p.mobile_phone, digits) > 0
$$;
