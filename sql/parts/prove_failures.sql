-- What a step failed with; what is thrown once a request is done is no failure.
when query_canceled then
  get stacked diagnostics state = returned_sqlstate;
  said := 'statement timeout';
  cut := true;
when others or assert_failure then
  get stacked diagnostics state = returned_sqlstate, said = message_text;
