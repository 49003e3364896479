-- A common table expression: of each partition or child its ancestors, and which triggers a write through an ancestor fires.
lineage as (
  select inhrelid as child, inhparent as ancestor from pg_inherits
  union
  select l.child, i.inhparent from lineage l join pg_inherits i on i.inhrelid = l.ancestor
),
-- A row that is written through the parent fires its partition's own triggers for each row; those that the parent handed down are the parent's.
fired as (
  select g.tgrelid as relation, g.oid as trigger from pg_trigger g where not g.tgisinternal
  union
  select l.ancestor, g.oid from pg_trigger g join lineage l on l.child = g.tgrelid
  where not g.tgisinternal and g.tgtype & 1 <> 0 and g.tgparentid = 0
)
