-- variant: helper-not-executable
-- teaches: A view calls its functions as whoever asks: without EXECUTE every query that names a field is 42501 of another object, while the names are still read; whether the policy would have hidden the field stays untested.
-- finds: { verdict: pass, persona: ana, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: ana, relation: public.member_profiles, operation: select, column: phone, channels: [direct, rest] }
-- exit: 1

revoke execute on function private.may_see(uuid, text) from authenticated;
