-- A recorded sample of a large relation, by the privileged connection, for one row set: rows inside and outside of it, from both
-- ends of the key (an index serves each of the four parts). Pieces as in sight_rows.sql, and
--   {inside}        the row set's predicate
--   {order}, {back} by the key, and by the key backwards
--   {first}, {last} how many rows from the beginning and from the end
(select {key} as key, {shapes} as shapes, '1' as declared, {version} as version from {relation} where ({inside}
) {order} limit {first})
union all
(select {key}, {shapes}, '1', {version} from {relation} where ({inside}
) {back} limit {last})
union all
(select {key}, {shapes}, '0', {version} from {relation} where ({inside}
) is not true {order} limit {first})
union all
(select {key}, {shapes}, '0', {version} from {relation} where ({inside}
) is not true {back} limit {last})
