-- The types of pgsql-http. Its functions raise: whoever calls one waits for an answer that nobody gives here.
create domain http_method as text;
create type http_header as (field varchar, value varchar);
create type http_request as (method http_method, uri varchar, headers http_header[], content_type varchar, content varchar);
create type http_response as (status integer, content_type varchar, headers http_header[], content varchar);
create function http_header(field varchar, value varchar) returns http_header language sql immutable as 'select $1, $2';
select rowgate_raising('http', 'immutable strict', 'urlencode(string varchar) returns text');
select rowgate_raising('http', '', variadic array(select format('%s returns http_response', call) from unnest(array['http(request http_request)',
  'http_get(uri varchar)', 'http_get(uri varchar, data jsonb)', 'http_post(uri varchar, content varchar, content_type varchar)',
  'http_post(uri varchar, data jsonb)', 'http_put(uri varchar, content varchar, content_type varchar)',
  'http_patch(uri varchar, content varchar, content_type varchar)', 'http_delete(uri varchar)',
  'http_delete(uri varchar, content varchar, content_type varchar)', 'http_head(uri varchar)']) as call));
create function http_set_curlopt(curlopt varchar, value varchar) returns boolean language sql as 'select true';
create function http_reset_curlopt() returns boolean language sql as 'select true';
