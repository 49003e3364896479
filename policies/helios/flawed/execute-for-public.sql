-- variant: execute-for-public
-- teaches: EXECUTE goes to PUBLIC by default, guests included: a function is open until somebody takes that back, and then only what it reads stands in the way.
-- finds: { verdict: leak, persona: anon, relation: public.organization_profiles, operation: execute(aurora), channels: [direct, rest] }
-- finds: { verdict: leak, persona: anon, relation: public.find_by_mobile, operation: execute, channels: [direct, rest] }
-- exit: 1

grant execute on function public.organization_profiles(integer), public.find_by_mobile(text) to public;
