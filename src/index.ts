export { RowgateError, IssuesError } from "./model/errors.ts";
