-- variant: missing-widgets
-- teaches: A matrix that names a table which the database lacks is told so before any probe runs, with its file and line.
-- exit: 2
-- names: missing relation: public.user_dashboard_widgets

drop table public.user_dashboard_widgets;
