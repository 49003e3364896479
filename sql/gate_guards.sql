-- Triggers that may refuse a new row, or what one is changed to: their condition and the function of each. `trigger` is a statement that makes it.
select t.tgrelid::text as "of", pg_get_triggerdef(t.oid) as trigger, p.oid::text as oid, l.lanname as language, p.prosrc as source
from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_language l on l.oid = p.prolang
where not t.tgisinternal and t.tgenabled <> 'D' and (t.tgtype & 1) <> 0 and (t.tgtype & (4 | 16)) <> 0 and (t.tgtype & 64) = 0
