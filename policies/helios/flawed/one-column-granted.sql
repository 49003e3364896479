-- variant: one-column-granted
-- teaches: A grant on one column is a grant: "select *" still answers 42501, and every mobile number of the organization can be read.
-- finds: { verdict: leak, persona: ben, relation: public.organization_users, operation: select, column: mobile_phone, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ben, relation: public.organization_users, operation: select, column: phone, channels: [direct, rest] }
-- exit: 1

-- For the page that lets members look for a number.
grant select (mobile_phone) on public.organization_users to authenticated;
