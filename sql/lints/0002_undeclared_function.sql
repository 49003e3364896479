-- Functions that some of the roles may execute. Whether the matrix declares them, and whether a gateway offers them by name,
-- is asked of the matrix and of the catalogue (a function of the same oid).
-- facts: oid; identitySetter (it sets a role, or a setting by which policies may know somebody: itself, or through what it
-- calls); helper (a policy, view, default, check or trigger calls it, itself or through other functions, so that everybody
-- who meets the policy needs EXECUTE).
-- Bodies are searched as text, since the catalogue stores those of PL/pgSQL and of quoted SQL as text, and some put their
-- statements together when they run: a name before a parenthesis counts as a call. A match in a comment costs a line in the
-- report; a call that is missed would let a function pass that nobody declared.
with recursive input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[]),
own as (
  select p.oid, p.proname, p.proconfig, concat(p.prosrc, pg_get_function_sqlbody(p.oid)) as body
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%' and p.prokind in ('f', 'p')
),
{calls},
helping as (
  select d.refobjid as oid
  from pg_depend d
  where d.refclassid = 'pg_proc'::regclass
    and d.classid in ('pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass)
  union
  select f.oid from helping h join calls c on c.oid = h.oid join own f on f.proname = c.name
),
-- A setting with a dot in its name, or one whose name is made at run time.
setting as (
  select own.oid
  from own
  where own.body ~* '\mset_config\s*\(\s*(?!E?''(?!role''|session_authorization'')[^''.]*''\s*,)'
     or own.body ~* '\mset\s+(local\s+|session\s+)?(role\M|session\s+authorization\M|"?[[:alpha:]_][\w$]*"?\.)'
     or exists (select from unnest(own.proconfig) one where split_part(one, '=', 1) ~ '\.|^role$')
  union
  select c.oid from setting s join own f on f.oid = s.oid join calls c on c.name = f.proname
)
select 'undeclared-function' as kind, n.nspname::text as schema, p.proname::text as name,
       jsonb_build_object(
         'oid', p.oid::text,
         'helper', p.oid in (select oid from helping),
         'identitySetter', p.oid in (select oid from setting)) as facts
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
  and exists (select from input, pg_roles r where r.rolname = any (input.roles) and has_function_privilege(r.oid, p.oid, 'execute'))
order by 2, 3, p.oid
