-- The answer of a step that failed.
pg_catalog.json_build_object('code', case when became or cut then state else 'RGACT' end, 'message', said)::text
