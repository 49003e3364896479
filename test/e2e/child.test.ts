import { afterEach, describe, expect, test, vi } from "vitest";
import { type Child, startChild } from "../../src/stage/child.ts";

// A process that ends with this one: what it answers, how it fails, how it ends.

interface Ready {
  readonly pid: number;
}

const program = {
  file: "../../test/fixtures/child/child.mjs",
  area: "gateway",
  what: "the child",
  environment: /^(PATH|CHILD_CLOSE)$/,
  stopMs: 10_000,
} as const;

const started: Child<Ready>[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of started.splice(0)) await child.stop();
});

function start(how: string, over: { answerMs?: number; stopMs?: number } = {}): Child<Ready> {
  const child = startChild<Ready>({ ...program, ...over }, { start: how });
  started.push(child);
  return child;
}

describe("a start that fails", () => {
  const cases: readonly { start: string; answerMs?: number; error: object }[] = [
    { start: "crash", error: { code: "gateway/process-ended", details: "out of memory\n" } },
    {
      start: "hang",
      answerMs: 300,
      error: {
        code: "gateway/process-timeout",
        message: "the process of the child did not answer within 0.3 seconds",
      },
    },
    { start: "refuse", error: { code: "test/refused", message: "no", hint: "yes" } },
    {
      start: "throw",
      error: { code: "test/unforeseen", details: expect.stringContaining("unforeseen") as string },
    },
  ];
  test.each(cases)("$start", async ({ start: how, error, answerMs }) => {
    const child = start(how, answerMs === undefined ? {} : { answerMs });
    await expect(child.ready).rejects.toMatchObject({ name: "RowgateError", ...error });
  });

  test("a program that is not built", () => {
    expect(() => startChild({ ...program, file: "nothing.js" }, {})).toThrow(
      expect.objectContaining({ code: "gateway/not-built" }) as Error,
    );
  });
});

describe("a running child", () => {
  test("answers each request by its number", async () => {
    const child = start("well");
    await child.ready;
    const answers = await Promise.allSettled([
      child.request<string>({ ask: "a" }),
      child.request<string>({ ask: "fail" }),
      child.request<string>({ ask: "b" }),
    ]);
    expect(answers).toMatchObject([
      { value: "A" },
      { reason: { code: "test/unforeseen", details: expect.stringContaining("cannot") as string } },
      { value: "B" },
    ]);
  });

  test("that ends during a request fails it", async () => {
    const child = start("well");
    await child.ready;
    await expect(child.request({ ask: "exit" })).rejects.toMatchObject({ code: "gateway/process-ended" });
    expect(await child.stop()).toMatchObject({ code: 4 });
  });

  test("gets the named environment variables only", async () => {
    vi.stubEnv("ROWGATE_SECRET", "secret");
    const seen = new Promise((resolve) => {
      started.push(startChild<Ready, unknown>(program, { start: "well" }, resolve));
    });
    expect(await seen).toMatchObject({ seen: expect.arrayContaining(["PATH"]) as string[] });
    expect(await seen).not.toMatchObject({ seen: expect.arrayContaining(["ROWGATE_SECRET"]) as string[] });
  });
});

describe("the end", () => {
  test("comes when it is stopped; a second call gives the same", async () => {
    const child = start("well");
    await child.ready;
    expect(await child.stop()).toEqual({ code: 0, stderr: "" });
    expect(await child.stop()).toEqual({ code: 0, stderr: "" });
  });

  test("may come from the child", async () => {
    const child = start("end");
    await child.ready;
    expect(await child.exited).toMatchObject({ code: 0 });
  });

  test("says what is left behind", async () => {
    vi.stubEnv("CHILD_CLOSE", "fail");
    const child = start("well");
    await child.ready;
    expect(await child.stop()).toEqual({ code: 1, stderr: "left behind" });
  });

  test("is SIGKILL when the child does not end in time", async () => {
    vi.stubEnv("CHILD_CLOSE", "hang");
    const child = start("hang", { stopMs: 500 });
    expect(await child.stop()).toBeUndefined();
    expect(await child.exited).toMatchObject({ code: null });
  });
});
