import { DatabaseError } from "pg";
import { expect, test } from "vitest";
import { refusalOf } from "../../../../src/stage/gateway/errors.ts";

function failure(code: string, message = "m", detail?: string): DatabaseError {
  return Object.assign(new DatabaseError(message, 0, "error"), { code, detail, severity: "ERROR" });
}

test.each([
  ["42501", 401, 403],
  ["42P01", 404, 404],
  ["42883", 404, 404],
  ["42P17", 500, 500],
  ["42703", 400, 400],
  ["22P02", 400, 400],
  ["23505", 409, 409],
  ["23503", 409, 409],
  ["23502", 400, 400],
  ["25006", 405, 405],
  ["57014", 500, 500],
  ["57P01", 503, 503],
  ["53400", 500, 500],
  ["53300", 503, 503],
  ["P0001", 400, 400],
  ["P0002", 500, 500],
  ["40001", 500, 500],
  ["PT418", 418, 418],
  ["PTabc", 500, 500],
])("%s is %s for nobody and %s for somebody", (code, anonymous, known) => {
  expect([refusalOf(failure(code), true).status, refusalOf(failure(code), false).status]).toEqual([
    anonymous,
    known,
  ]);
});

test.each([
  ["21000", "UPDATE requires a WHERE clause", 400],
  ["21000", "more than one row returned by a subquery used as an expression", 500],
  ["22023", 'role "x" does not exist', 401],
  ["22023", "invalid value for parameter", 400],
])("%s: %s is %s", (code, message, status) => {
  expect(refusalOf(failure(code, message), false).status).toBe(status);
});

test("a challenge comes with 401, whatever made it, and with nothing else", () => {
  const challenge = { "WWW-Authenticate": "Bearer" };
  expect(refusalOf(failure("42501"), true).headers).toEqual(challenge);
  expect(refusalOf(failure("22023", 'role "x" does not exist'), false).headers).toEqual(challenge);
  expect(refusalOf(failure("PT401"), false).headers).toEqual(challenge);
  expect(refusalOf(failure("42501"), false).headers).toBeUndefined();
});

test("raise sqlstate 'PGRST' says the whole answer", () => {
  const detail = '{"status":420,"status_text":"Calm","headers":{"Retry-After":"5"}}';
  expect(refusalOf(failure("PGRST", '{"code":"c","message":"m","hint":"h"}', detail), true)).toEqual({
    status: 420,
    statusText: "Calm",
    code: "c",
    message: "m",
    details: null,
    hint: "h",
    headers: { "Retry-After": "5" },
  });
  expect(refusalOf(failure("PGRST", "no json", detail), true).code).toBe("PGRST121");
});
