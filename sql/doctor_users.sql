-- Which of the `sub` claims $1 no user has. As text: a claim may be anything, and a uuid is only asked for by its index
-- where it is one.
select not exists (select from auth.users) as empty,
       array(select sub from unnest($1::text[]) as sub
             where not exists (
               select from auth.users u
               where u.id = case when sub ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then sub::uuid end)
             order by 1) as missing
