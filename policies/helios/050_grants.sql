-- What each role may try at all. Supabase grants everything in public to everybody by default, columns, views and
-- TRUNCATE included, so the slate is wiped first; then each grant says what is needed and no more.

grant usage on schema public to anon, authenticated, service_role;

revoke all on all tables in schema public from public, anon, authenticated, service_role;
revoke all on all sequences in schema public from public, anon, authenticated, service_role;

grant select on public.available_modules to anon, authenticated;
grant insert, update, delete on public.available_modules to authenticated;

grant select on public.organizations to authenticated;

-- Five columns of the directory and none of the fourteen: those are read through the view alone. A grant on the table
-- (`grant select on public.organization_users`) would undo this whatever stands here: column grants do not subtract.
grant select (id, organization_id, name, role, status) on public.organization_users to authenticated;
grant update (
  name, bio, email, fun_facts, interests, personal_email, phone, video_intro, voice_intro,
  pronouns, mobile_phone, location, job_title, work_phone, timezone
) on public.organization_users to authenticated;

-- SELECT and nothing else. Postgres would write through this view with its owner's rights, past every policy.
grant select on public.member_profiles to authenticated;

grant select, insert, update, delete on public.user_field_visibility to authenticated;
grant select, insert, update, delete on public.user_dashboard_widgets to authenticated;

-- The service reads and writes the tables themselves; the view would show it nothing, since it is nobody's colleague.
grant select, insert, update, delete on
  public.organizations, public.organization_users, public.user_field_visibility,
  public.user_dashboard_widgets, public.available_modules, public.platform_admins
to service_role;

-- EXECUTE goes to PUBLIC by default. A view and a policy call their functions with the rights of whoever asks, so
-- signed-in users need those, and guests none.
grant usage on schema private to authenticated;
revoke execute on all functions in schema private from public, anon, authenticated, service_role;
grant execute on all functions in schema private to authenticated;

revoke execute on function public.organization_profiles(integer), public.find_by_mobile(text)
from public, anon, authenticated, service_role;
grant execute on function public.organization_profiles(integer), public.find_by_mobile(text) to authenticated;
