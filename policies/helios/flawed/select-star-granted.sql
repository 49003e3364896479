-- variant: select-star-granted
-- teaches: A grant on the table is a grant on every column: whatever the view hides is read from the table behind it.
-- finds: { verdict: leak, persona: ana, relation: public.organization_users, operation: select, column: phone, channels: [direct, rest] }
-- finds: { verdict: leak, persona: olga, relation: public.organization_users, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: leak, persona: mara, relation: public.organization_users, operation: select, column: employee_number, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.organization_users, operation: select, channels: [direct, rest] }
-- exit: 1

grant select on public.organization_users to authenticated;
