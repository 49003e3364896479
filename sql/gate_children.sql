-- Each table and all that inherit from it, its partitions among them, at any depth.
with recursive below as (
  select inhparent as parent, inhrelid as child from pg_inherits
  union
  select b.parent, i.inhrelid from below b join pg_inherits i on i.inhparent = b.child
)
select parent::text as parent, array_agg(child::text) as children from below group by parent
