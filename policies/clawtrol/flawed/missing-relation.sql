-- variant: missing-relation
-- teaches: A matrix that names a relation which the database lacks is told so before any probe runs, with its file and line.
-- exit: 2
-- names: public.settings

drop table public.settings;
