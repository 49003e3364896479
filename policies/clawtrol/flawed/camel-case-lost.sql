-- variant: camel-case-lost
-- teaches: A migration that forgets the quotes makes another column: "githubLogin" is gone, and the matrix that names it is told so before any probe.
-- exit: 2
-- names: public.users has no column githubLogin

alter table public.users rename column "githubLogin" to githubLogin;
