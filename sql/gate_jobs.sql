-- What pg_cron runs later, and as whom: a sentence each, of at most some 200 characters.
select null as role, null as object, false as "ofKnown",
  format('the job %sruns as %s: %s: what it does was not compared', quote_ident(j.jobname) || ' ', quote_ident(j.username),
    case when length(c.text) > 160 then format('%s… (%s)', left(c.text, 150), left(md5(j.command), 8)) else c.text end) as power
from cron.job j cross join lateral (select btrim(regexp_replace(j.command, '\s+', ' ', 'g')) as text) c
where j.active
