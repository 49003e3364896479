-- The rows of a relation, by the privileged connection: what the rest channel holds its answers against.
-- Pieces in braces are written by the channel (quoted names, and predicates of the matrix):
--   {key}      the key's columns as texts, for filters: array["id"::text]
--   {shapes}   the row as PostgREST would show it, once for each list of columns that a persona may be shown:
--              array[row_to_json(…)::text]
--   {declared} for each row set whether the row is in it, one digit each: '10'
--   {version}  what tells this row as it stands from the same row after anybody has written it
--   {relation} where to read
--   {order}    by the key, so that samples and reports are the same from run to run
--   {limit}    one row more than the channel compares: a longer relation is counted and sampled instead
select {key} as key, {shapes} as shapes, {declared} as declared, {version} as version
from {relation}
{order}
limit {limit}
