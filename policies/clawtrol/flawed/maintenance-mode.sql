-- variant: maintenance-mode
-- teaches: A policy that opens by a setting opens to every session that sets it; while no persona holds it, nothing has shown what such a session sees.
-- finds: { verdict: inconclusive, persona: max, relation: public.settings, operation: select, channels: [direct] }
-- finds: { verdict: inconclusive, persona: nobody, relation: public.settings, operation: blind_delete, channels: [direct] }
-- exit: 1
-- names: reads the setting app.maintenance

create policy maintenance on public.settings
using (current_setting('app.maintenance', true) = 'on');
