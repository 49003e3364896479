-- variant: view-without-organization
-- teaches: The view reads past every policy, so its own WHERE is the wall between organizations; the fields stay hidden, and every name of every organization is read.
-- finds: { verdict: leak, persona: ana, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: marek, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.member_profiles, operation: select, column: phone, channels: [direct, rest] }
-- exit: 1

create or replace view public.member_profiles with (security_barrier = true) as
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
where u.status = 'active';
