-- As CREATE VIEW leaves it: read with its owner's rights.
alter view public.community_threads reset (security_invoker);
