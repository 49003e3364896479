-- A column, as far as ColumnInfo and ProofColumn are alike; `a`: its pg_attribute, `t`: its pg_type.
'name', a.attname,
'type', format_type(a.atttypid, a.atttypmod),
'notNull', a.attnotnull,
'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
'generated', a.attgenerated <> '',
'domain', t.typtype = 'd'
