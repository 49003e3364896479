-- The old name of message_threads, kept for clients that have not moved yet: the same rows, one to one.
-- Without security_invoker a view reads with its owner's rights, and this owner bypasses every policy.
create view public.community_threads with (security_invoker = true) as
select id, school_id, created_by, subject, deleted_at, created_at
from public.message_threads;
