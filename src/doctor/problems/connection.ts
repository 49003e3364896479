/** What is wrong on the way to the database. `{name}` stands for a fact; docs/doctor.md lists every sentence. */
export const connectionProblems = {
  "unknown-host": {
    check: "login",
    sentence: "no server is known by the name {host} ({code})",
    hint: "check the host in the database URL, and whether this machine can look names up",
  },
  "nobody-listens": {
    check: "login",
    sentence: "nobody listens on {host}:{port}",
    hint: "start the server, or mend host and port; inside a container, localhost is the container itself",
  },
  "no-answer": {
    check: "login",
    sentence: "{host}:{port} did not answer within {seconds} s ({code})",
    hint: "look at firewall, VPN and allow-list; Supabase's direct host has an IPv6 address only: where there is none, use its session pooler",
  },
  "connection-closed": {
    check: "login",
    sentence: "{host}:{port} ended the connection before anybody was logged in",
    hint: "check that it is Postgres that listens there, and whether it wants TLS (sslmode=require or better)",
  },
  "wrong-password": {
    check: "login",
    sentence: "the server refused user or password of {user} (28P01)",
    hint: "mend the login where the target takes it from; behind Supabase's pooler the user is postgres.<project ref>",
  },
  "no-password": {
    check: "login",
    sentence: "the server asks {user} for a password, and the target has none",
    hint: "give one: in the variable of the database URL, in PGPASSWORD or in the password file",
  },
  "login-refused": {
    check: "login",
    sentence: "the server does not let {user} in this way (28000): {said}",
    hint: "look at pg_hba.conf for this address, user and database, whether it wants TLS, and whether the role has LOGIN",
  },
  "no-such-database": {
    check: "login",
    sentence: "the server has no database {database} (3D000)",
    hint: "mend the database's name in the URL: it is what stands behind the last slash",
  },
  "no-connection-left": {
    check: "login",
    sentence: "the server has no connection left for {user} (53300)",
    hint: "close others, or raise max_connections or the role's CONNECTION LIMIT; a run needs up to eight",
  },
  "not-ready": {
    check: "login",
    sentence: "the server is starting, stopping or recovering (57P03)",
    hint: "wait for it, and look at its log if that takes long",
  },
  "startup-refused": {
    check: "login",
    sentence: "a pooler in between refused what rowgate tells a session at its start (08P01): {said}",
    hint: "connect to the server itself: limits of a session that a pooler drops protect nobody",
  },
  "login-failed": {
    check: "login",
    sentence: "the database could not be asked ({code}): {said}",
    hint: "see the server's log; behind Supabase's pooler the user is postgres.<project ref>, and host and port are the project's own",
  },
  "no-tls": {
    check: "encryption",
    sentence: "{host}:{port} speaks no TLS, and the target asks for it",
    hint: "turn `ssl` on in the server; sslmode=disable only where nobody else can read what passes",
  },
  "unknown-authority": {
    check: "encryption",
    sentence:
      "the certificate of {host} is signed by itself or by an authority that is not known here ({code})",
    hint: "give the authority's certificate (sslrootcert); Supabase's is in the project's database settings",
  },
  "wrong-host": {
    check: "encryption",
    sentence: "the certificate of {host} is for another host: {certifies}",
    hint: "connect by a name that it is for, or have one made for this name; sslmode=verify-ca looks at the authority alone",
  },
  "certificate-out-of-date": {
    check: "encryption",
    sentence: "the certificate of {host} is not valid today ({code})",
    hint: "renew it; if it is in order, this machine's clock is not",
  },
  "tls-failed": {
    check: "encryption",
    sentence: "{host}:{port} and this machine could not agree on TLS ({code}): {said}",
    hint: "see the server's ssl settings, and what stands in between",
  },
  unencrypted: {
    check: "encryption",
    sentence: "every row crosses the network to {host} unencrypted",
    hint: "say sslmode=verify-full, and sslrootcert where the authority is your own",
  },
} as const;
