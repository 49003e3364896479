-- The queues of pgmq, which is SQL itself: a table for messages, one for the archive, and functions on them.
do $$ begin if to_regnamespace('pgmq') is null then create schema pgmq; end if; end $$;
create table pgmq.meta (
  queue_name varchar primary key, is_partitioned boolean not null, is_unlogged boolean not null, created_at timestamptz not null default now()
);
create type pgmq.message_record as (msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb, headers jsonb);
create type pgmq.queue_record as (queue_name varchar, is_partitioned boolean, is_unlogged boolean, created_at timestamptz);
create function pgmq.format_table_name(queue_name text, prefix text) returns text language sql immutable
  as $$ select lower(prefix || '_' || queue_name) $$;
create function pgmq.create(queue_name text) returns void language plpgsql as $$
begin
  execute format('create table if not exists pgmq.%I (msg_id bigint primary key generated always as identity, read_ct integer default 0 not null,
    enqueued_at timestamptz default now() not null, vt timestamptz not null, message jsonb, headers jsonb)', pgmq.format_table_name(queue_name, 'q'));
  execute format('create table if not exists pgmq.%I (msg_id bigint primary key, read_ct integer default 0 not null,
    enqueued_at timestamptz default now() not null, archived_at timestamptz default now() not null, vt timestamptz not null, message jsonb,
    headers jsonb)', pgmq.format_table_name(queue_name, 'a'));
  insert into pgmq.meta (queue_name, is_partitioned, is_unlogged) values ($1, false, false) on conflict do nothing;
end $$;
create function pgmq.create_unlogged(queue_name text) returns void language sql as 'select pgmq.create($1)';
create function pgmq.create_partitioned(queue_name text, partition_interval text default '10000', retention_interval text default '100000')
  returns void language sql as 'select pgmq.create($1)';
create function pgmq.drop_queue(queue_name text) returns boolean language plpgsql as $$
begin
  execute format('drop table if exists pgmq.%I, pgmq.%I', pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a'));
  delete from pgmq.meta m where m.queue_name = drop_queue.queue_name;
  return found;
end $$;
create function pgmq.list_queues() returns setof pgmq.queue_record language sql
  as 'select queue_name, is_partitioned, is_unlogged, created_at from pgmq.meta';
create function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay timestamptz) returns setof bigint language plpgsql as $$
begin
  return query execute format('insert into pgmq.%I (vt, message, headers) values ($1, $2, $3) returning msg_id', pgmq.format_table_name(queue_name, 'q'))
    using delay, msg, headers;
end $$;
create function pgmq.send(queue_name text, msg jsonb) returns setof bigint language sql
  as 'select * from pgmq.send($1, $2, null, clock_timestamp())';
create function pgmq.send(queue_name text, msg jsonb, delay integer) returns setof bigint language sql
  as $$ select * from pgmq.send($1, $2, null, clock_timestamp() + make_interval(secs => $3)) $$;
create function pgmq.send(queue_name text, msg jsonb, delay timestamptz) returns setof bigint language sql
  as 'select * from pgmq.send($1, $2, null, $3)';
create function pgmq.send(queue_name text, msg jsonb, headers jsonb) returns setof bigint language sql
  as 'select * from pgmq.send($1, $2, $3, clock_timestamp())';
create function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer default 0) returns setof bigint language sql
  as 'select pgmq.send($1, msg, $3) from unnest($2) as msg';
create function pgmq.read(queue_name text, vt integer, qty integer, conditional jsonb default '{}') returns setof pgmq.message_record
language plpgsql as $$
begin
  return query execute format('with picked as (select msg_id from pgmq.%1$I where vt <= clock_timestamp() and message @> $3
      order by msg_id limit $2 for update skip locked)
    update pgmq.%1$I m set vt = clock_timestamp() + make_interval(secs => $1), read_ct = read_ct + 1 from picked where m.msg_id = picked.msg_id
    returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers', pgmq.format_table_name(queue_name, 'q')) using vt, qty, conditional;
end $$;
create function pgmq.read_with_poll(queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100, conditional jsonb default '{}') returns setof pgmq.message_record language sql
  as 'select * from pgmq.read($1, $2, $3, $6)';
create function pgmq.pop(queue_name text) returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format('delete from pgmq.%1$I where msg_id = (select msg_id from pgmq.%1$I where vt <= clock_timestamp()
    order by msg_id limit 1 for update skip locked) returning msg_id, read_ct, enqueued_at, vt, message, headers',
    pgmq.format_table_name(queue_name, 'q'));
end $$;
create function pgmq.set_vt(queue_name text, msg_id bigint, vt integer) returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format('update pgmq.%I m set vt = clock_timestamp() + make_interval(secs => $2) where m.msg_id = $1
    returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers', pgmq.format_table_name(queue_name, 'q')) using msg_id, vt;
end $$;
create function pgmq.delete(queue_name text, msg_ids bigint[]) returns setof bigint language plpgsql as $$
begin
  return query execute format('delete from pgmq.%I m where m.msg_id = any ($1) returning m.msg_id', pgmq.format_table_name(queue_name, 'q'))
    using msg_ids;
end $$;
create function pgmq.delete(queue_name text, msg_id bigint) returns boolean language sql
  as 'select exists (select from pgmq.delete($1, array[$2]))';
create function pgmq.archive(queue_name text, msg_ids bigint[]) returns setof bigint language plpgsql as $$
begin
  return query execute format('with gone as (delete from pgmq.%I m where m.msg_id = any ($1)
      returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers)
    insert into pgmq.%I (msg_id, read_ct, enqueued_at, vt, message, headers) select * from gone returning msg_id',
    pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a')) using msg_ids;
end $$;
create function pgmq.archive(queue_name text, msg_id bigint) returns boolean language sql
  as 'select exists (select from pgmq.archive($1, array[$2]))';
create function pgmq.purge_queue(queue_name text) returns bigint language plpgsql as $$
declare
  purged bigint;
begin
  execute format('delete from pgmq.%I', pgmq.format_table_name(queue_name, 'q'));
  get diagnostics purged = row_count;
  return purged;
end $$;
create function pgmq.detach_archive(queue_name text) returns void language sql as '';
grant usage on schema pgmq to postgres with grant option;
grant all on pgmq.meta to postgres with grant option;
grant create on schema pgmq to postgres;
