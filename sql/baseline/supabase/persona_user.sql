-- A persona as a user of the auth server, as far as its claims (in the setting rowgate.claims) say. What is there already stays.
-- As supabase_auth_admin with its search_path, so that triggers on auth.users meet what they meet on the platform.
insert into auth.users (instance_id, id, aud, role, email, phone, email_confirmed_at, phone_confirmed_at, last_sign_in_at,
  raw_app_meta_data, raw_user_meta_data, is_anonymous, confirmation_token, recovery_token, email_change, email_change_token_new,
  created_at, updated_at)
select '00000000-0000-0000-0000-000000000000', (c ->> 'sub')::uuid, coalesce(c ->> 'aud', 'authenticated'), c ->> 'role',
  nullif(c ->> 'email', ''), nullif(c ->> 'phone', ''),
  case when c ->> 'email' <> '' then now() end, case when c ->> 'phone' <> '' then now() end, now(),
  coalesce(c -> 'app_metadata', '{"provider": "email", "providers": ["email"]}'), coalesce(c -> 'user_metadata', '{}'),
  coalesce((c ->> 'is_anonymous')::boolean, false), '', '', '', '', now(), now()
from (select current_setting('rowgate.claims')::jsonb as c) as given
where not exists (select from auth.users where id = (c ->> 'sub')::uuid);

insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
select c ->> 'sub', (c ->> 'sub')::uuid, jsonb_build_object('sub', c ->> 'sub', 'email', c ->> 'email'),
  coalesce(c #>> '{app_metadata,provider}', 'email'), now(), now(), now()
from (select current_setting('rowgate.claims')::jsonb as c) as given
where not coalesce((c ->> 'is_anonymous')::boolean, false)
  and not exists (select from auth.identities where user_id = (c ->> 'sub')::uuid);

insert into auth.sessions (id, user_id, aal, created_at, updated_at)
select (c ->> 'session_id')::uuid, (c ->> 'sub')::uuid, coalesce(c ->> 'aal', 'aal1')::auth.aal_level, now(), now()
from (select current_setting('rowgate.claims')::jsonb as c) as given
where c ? 'session_id' and not exists (select from auth.sessions where id = (c ->> 'session_id')::uuid);

insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
select gen_random_uuid(), (c ->> 'sub')::uuid, 'totp', 'verified', now(), now()
from (select current_setting('rowgate.claims')::jsonb as c) as given
where c ->> 'aal' = 'aal2'
  and not exists (select from auth.mfa_factors where user_id = (c ->> 'sub')::uuid and status = 'verified');
