-- Functions of the database's own that call themselves IMMUTABLE. The planner may evaluate one ahead of time and put its
-- answer into the plan; where such a function reads who asks, the plan of one persona answers for another.
-- C and internal functions read no claims. Everything else counts, whatever its body says: it may call something that does.
select exists (
  select from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
  where p.provolatile = 'i' and n.nspname not in ('pg_catalog', 'information_schema') and l.lanname not in ('c', 'internal')
) as found
