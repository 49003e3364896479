import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["scripts/build-page.js", "test/support/suite.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two workers: most files start a Postgres of their own, and CI has two cores.
    maxWorkers: 2,
    pool: "forks",
    isolate: false,
    reporters: ["default"],
  },
});
