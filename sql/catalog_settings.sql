-- Settings that a session brings along, as far as they bear on the roles $1 and on the role that asks: ALTER ROLE … SET,
-- ALTER DATABASE … SET. A login applies its own, SET ROLE none, and PostgREST (login $2) some of the role's.
-- One row a setting and place; search_path always has one.
--   role       whose; null: nobody's in particular (then "base" is what counts)
--   here       for this database only, which wins over every database's
--   custom     a name with a dot that no module has defined: where nobody has set it, it is NULL
--   postgrest  PostgREST applies it to its role: what any user may set, or what is granted to its login
--   base       its value where neither a role's setting nor that of rowgate's own login is in the way; null: none
-- What rowgate decides itself is left out: limits, the transaction, RLS, and how values are printed and strings are read.
with own as (
  select r.rolname as role,
         s.setrole = 0 as everybody,
         s.setdatabase <> 0 as here,
         lower(split_part(config, '=', 1)) as name,
         substr(config, strpos(config, '=') + 1) as value
  from pg_db_role_setting s
  cross join unnest(s.setconfig) as config
  left join pg_roles r on r.oid = s.setrole
  where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    and (s.setrole = 0 or r.rolname = any ($1::text[]) or r.rolname = session_user)
),
named as (
  select name from own
  union
  select 'search_path'
)
select o.role,
       coalesce(o.here, false) as here,
       n.name,
       o.value,
       p.name is null as custom,
       coalesce(p.context = 'user' or has_parameter_privilege(gateway.oid, p.name, 'set'), false) as postgrest,
       coalesce(
         (select e.value from own e where e.everybody and e.name = n.name order by e.here desc limit 1),
         case when exists (select from own l where l.role = session_user and l.name = n.name)
              then p.boot_val else p.reset_val end) as base
from named n
left join own o on o.name = n.name and not o.everybody
left join pg_settings p on lower(p.name) = n.name
left join pg_roles gateway on gateway.rolname = $2
-- What this login may not set, no probe can have set; nothing that decides about rows is among it.
where coalesce(p.context = 'user' or has_parameter_privilege(session_user, p.name, 'set'), true)
  and n.name !~ '_timeout$|_preload_libraries$|^default_transaction_|^transaction_(isolation|read_only|deferrable)$|^lc_'
  and n.name not in ('session_authorization', 'row_security', 'session_replication_role', 'client_encoding', 'standard_conforming_strings',
                     'timezone', 'datestyle', 'intervalstyle', 'bytea_output', 'extra_float_digits')
order by n.name, o.role, o.here
