drop function rowgate_raising(text, text, text[]);
drop function rowgate_text_type(text, boolean);
