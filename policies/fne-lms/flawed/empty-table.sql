-- variant: empty-table
-- teaches: Nobody sees a row of an empty table, so nothing that is said of it is proved: vacuous, not passed.
-- finds: { verdict: vacuous, persona: bruno, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- finds: { verdict: vacuous, persona: adela, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- exit: 1

delete from public.cuotas;
