-- variant: new-table
-- teaches: A new table is the commonest leak: nobody has said who may do what, so the run fails by its name.
-- exit: 1
-- names: undeclared-relation public.webhooks

create table public.webhooks (id text primary key, url text not null, secret text not null);
insert into public.webhooks values ('w1', 'https://hooks.test/1', 's3cr3t');
grant select on public.webhooks to clawtrol_app;
