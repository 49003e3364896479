-- Where every sequence stands: null before its first value, and where this login holds neither USAGE nor SELECT on it.
select schemaname || '.' || sequencename as name, last_value::text as value
from pg_sequences
order by 1
