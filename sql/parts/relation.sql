-- A relation's name, kind and policies: what RelationInfo and ProofRelation share; `c`: its pg_class, `n`: its pg_namespace.
'schema', n.nspname,
'name', c.relname,
'kind', case c.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view'
                       when 'm' then 'materialized' else 'foreign' end,
'policies', coalesce((
  select json_agg(json_build_object(
    'name', p.polname,
    'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                             when 'd' then 'delete' else 'all' end,
    'permissive', p.polpermissive,
    'roles', (select json_agg(case r when 0 then 'public' else pg_get_userbyid(r) end) from unnest(p.polroles) r),
    'using', pg_get_expr(p.polqual, p.polrelid),
    'check', pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname)
  from pg_policy p where p.polrelid = c.oid), '[]')
