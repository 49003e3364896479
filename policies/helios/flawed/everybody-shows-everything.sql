-- variant: everybody-shows-everything
-- teaches: Where every level is "everyone" no colleague is left whose field must be hidden, and a view without any check would look the same: vacuous. Other organizations' rows do not help, since they are not shown at all.
-- finds: { verdict: vacuous, persona: ana, relation: public.member_profiles, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: vacuous, persona: olga, relation: public.member_profiles, operation: select, column: phone, channels: [direct, rest] }
-- exit: 1

insert into public.user_field_visibility (user_id, field_name, visibility_level)
select u.id, f.field_name, 'everyone'
from public.organization_users u, (select distinct field_name from public.user_field_visibility) f
on conflict (user_id, field_name) do update set visibility_level = 'everyone';
