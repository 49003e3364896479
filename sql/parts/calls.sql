-- Which names the bodies of `own` call: a name before a parenthesis, in a comment or a string too. A body is searched as text, since
-- the catalogue keeps those of PL/pgSQL and of quoted SQL as text, and some put their statements together when they run: a parser
-- would not see what EXECUTE is given. What a stored expression calls (a policy's, a view's) is in pg_depend instead.
calls as materialized (
  select distinct own.oid, coalesce(m[1], lower(m[2])) as name
  from own, regexp_matches(own.body, '"([^"]+)"\s*\(|([[:alpha:]_][\w$]*)\s*\(', 'g') m
)
