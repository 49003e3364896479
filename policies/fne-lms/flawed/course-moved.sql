-- variant: course-moved
-- teaches: USING says which rows may be changed, WITH CHECK what they may become: with CHECK true a course moves to another school.
-- finds: { verdict: leak, persona: bruno, relation: public.courses, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: fabiola, relation: public.courses, operation: update, channels: [direct, rest] }
-- exit: 1

alter policy owners_can_update_own_courses on public.courses with check (true);
