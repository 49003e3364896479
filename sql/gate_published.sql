-- Tables whose changes Realtime sends to those whom their SELECT policies let read the row. It cannot ask about a row that is deleted.
select c.oid::regclass::text as name
from pg_publication_tables p join pg_namespace n on n.nspname = p.schemaname join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
where p.pubname = 'supabase_realtime' and c.relrowsecurity
order by 1
