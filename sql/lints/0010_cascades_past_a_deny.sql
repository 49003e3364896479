-- What a DELETE on one relation of the schemas does to the rows of others by its foreign keys: through ON DELETE CASCADE on
-- and on, and through SET NULL and SET DEFAULT once. No policy and no grant of the other relation is asked. Whether the matrix
-- denies that is asked of the matrix. One row a relation that changes, and relation that is deleted from.
-- facts: fromSchema, fromName; does (deletes, changes); roles (those to which RLS applies that hold DELETE on the first).
with recursive input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[]),
keys as (
  select k.confrelid as parent, k.conrelid as child, k.confdeltype = 'c' as deletes
  from pg_constraint k where k.contype = 'f' and k.confdeltype in ('c', 'n', 'd')
),
deleted (root, oid) as (
  select c.oid, c.oid
  from input join pg_namespace n on n.nspname = any (input.schemas) join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p')
  union
  select d.root, k.child from deleted d join keys k on k.parent = d.oid and k.deletes
),
reached as (
  select root, oid, true as deletes from deleted
  union all
  select distinct d.root, k.child, false from deleted d join keys k on k.parent = d.oid and not k.deletes
  where not exists (select from deleted other where other.root = d.root and other.oid = k.child)
)
select 'cascades-past-a-deny' as kind, n.nspname::text as schema, c.relname::text as name,
       jsonb_build_object(
         'fromSchema', rn.nspname, 'fromName', rc.relname,
         'does', case when x.deletes then 'deletes' else 'changes' end,
         'roles', array(select r.rolname from input, pg_roles r
                        where r.rolname = any (input.roles) and not r.rolsuper and not r.rolbypassrls
                          and has_table_privilege(r.oid, rc.oid, 'delete') order by 1)) as facts
from reached x
join pg_class rc on rc.oid = x.root
join pg_namespace rn on rn.oid = rc.relnamespace
join pg_class c on c.oid = x.oid and c.oid <> x.root
join pg_namespace n on n.oid = c.relnamespace
order by rn.nspname, rc.relname, 2, 3
