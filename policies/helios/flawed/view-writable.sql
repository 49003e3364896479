-- variant: view-writable
-- teaches: A view over one table can be written, with its owner's rights: under Supabase's default grant members change and remove their colleagues past every policy of the table.
-- finds: { verdict: leak, persona: ana, relation: public.member_profiles, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: ana, relation: public.member_profiles, operation: delete, channels: [direct, rest] }
-- finds: { verdict: leak, persona: olga, relation: public.member_profiles, operation: blind_delete, channels: [direct, rest] }
-- exit: 1

grant all on public.member_profiles to authenticated;
