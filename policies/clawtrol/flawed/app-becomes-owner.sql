-- variant: app-becomes-owner
-- teaches: NOINHERIT keeps no login from SET ROLE: whoever may become the owner can take the policies away, forced or not.
-- exit: 1
-- names: login-role-escalation clawtrol_app clawtrol_owner

-- "So that the application can run its migrations."
grant clawtrol_owner to clawtrol_app;
