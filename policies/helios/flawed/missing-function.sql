-- variant: missing-function
-- teaches: So is one that names a function: a call of what is not there is refused to everybody, and would pass for well kept.
-- exit: 2
-- names: missing function: public.find_by_mobile

drop function public.find_by_mobile(text);
