-- variant: immutable-identity
-- teaches: A function that reads a setting is not IMMUTABLE, whatever makes the index happy: its first answer may be kept for the next user.
-- exit: 1
-- names: immutable-reads-setting clawtrol.user_id()

alter function clawtrol.user_id() immutable;
