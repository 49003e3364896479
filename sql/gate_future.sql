-- What roles $1 hold on the table and the function that were just created ({schema}.rowgate_future), whatever gave it to them.
select r.name as role, 'table' as object, p.privilege
from unnest($1::text[]) r (name)
cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p (privilege)
where has_schema_privilege(r.name, $2, 'usage')
  and has_table_privilege(r.name, format('%I.rowgate_future', $2::text), p.privilege)
union all
select r.name, 'function', 'execute'
from unnest($1::text[]) r (name)
where has_schema_privilege(r.name, $2, 'usage')
  and has_function_privilege(r.name, format('%I.rowgate_future()', $2::text), 'execute')
order by 1, 2, 3
