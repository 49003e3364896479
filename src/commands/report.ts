import { createWriteStream } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { latestArchive } from "../archive/chain.ts";
import { runIdPattern } from "../archive/id.ts";
import { readCatalog } from "../archive/read-catalog.ts";
import { readCells, readRun } from "../archive/read.ts";
import { type Deviation, verifyArchive } from "../archive/verify.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import { type ArchivedRun, archivedRun, exitCodeOf, type ReportOptions } from "../report/archived-run.ts";
import { type ReportFormat, reporters, reportFormats } from "../report/reporters.ts";
import type { Environment, ExitCode } from "./environment.ts";

export interface ReportCommandOptions {
  readonly format: ReportFormat;
  readonly verbose: boolean;
  readonly quiet: boolean;
  /** `<format>=<file>` each. */
  readonly report: readonly string[];
  readonly logs: string;
  /** Another run, to compare with. */
  readonly against?: string | undefined;
}

/** `rowgate report <run>`: renders an archive again. Ends as the run did; with 2 where the archive is not as it was written. */
export async function reportCommand(
  run: string,
  options: ReportCommandOptions,
  environment: Environment,
): Promise<ExitCode> {
  const { cwd, out, interrupted, annotate } = environment;
  const files = fileReports(options.report, 1);
  const open = async (name: string): Promise<ArchivedRun> => {
    const folder = await folderOf(name, path.resolve(cwd, options.logs), cwd);
    return openArchived(folder, cwd, damageOf(await verifyArchive(folder)));
  };
  const archive = await open(run);
  const formats = [options.format, ...files.map(({ format }) => format)];
  const against =
    options.against === undefined ? undefined : await comparable(options.against, formats, open);
  const render = await reporters[options.format]();
  const how = { ...looks(environment), ...options, against, running: false };
  const write = options.format === "github" ? (annotate ?? out.write) : out.write;
  for await (const piece of render(archive, how)) {
    interrupted.throwIfAborted();
    write(piece);
  }
  await writeReports(files, archive, environment, against);
  return exitCodeOf(archive);
}

async function comparable(
  against: string,
  formats: readonly ReportFormat[],
  open: (name: string) => Promise<ArchivedRun>,
): Promise<ArchivedRun> {
  if (!formats.includes("html"))
    throw usage("--against is for the HTML report", "add --format html or --report html=<file>");
  return open(against);
}

/** A finished run as reporters get it. */
export async function openArchived(folder: string, cwd: string, damage?: string): Promise<ArchivedRun> {
  const shown = path.relative(cwd, folder) || ".";
  return archivedRun(
    await readRun(folder),
    shown,
    () => readCells(folder),
    damage,
    () => readCatalog(folder),
  );
}

/** A folder, the id of a run under `logs`, or `latest`. @throws RowgateError `usage/no-run` */
export async function folderOf(run: string, logs: string, cwd: string): Promise<string> {
  const id = run === "latest" ? (await latestArchive(logs))?.id : run;
  const day = runIdPattern.exec(id ?? "")?.[1];
  const folder = id === undefined || day === undefined ? path.resolve(cwd, run) : path.join(logs, day, id);
  const found = await access(path.join(folder, "run.json")).then(
    () => true,
    () => false,
  );
  if (found) return folder;
  throw new RowgateError({
    code: "usage/no-run",
    message:
      run === "latest" && id === undefined
        ? `There is no finished run in ${path.relative(cwd, logs) || "."}.`
        : `There is no run ${run}: ${path.relative(cwd, path.join(folder, "run.json"))} cannot be read.`,
    hint: "name an archive's folder (logs/<day>/<run id>), a run id, or latest; --logs <folder> if archives are elsewhere",
  });
}

function damageOf(deviations: readonly Deviation[]): string | undefined {
  const [first] = deviations;
  if (first === undefined) return undefined;
  const more = deviations.length > 1 ? ` and ${deviations.length - 1} more` : "";
  return `the archive is not as it was written: ${first.file} ${first.kind}${more} (SHA256SUMS)`;
}

export function looks({ out, variables }: Environment): Pick<ReportOptions, "width" | "colour"> {
  return {
    width: out.isTerminal ? out.columns : 80,
    colour: out.isTerminal && (variables["NO_COLOR"] ?? "") === "",
  };
}

/** A report of `rowgate run` that goes to a file. */
export interface FileReport<F extends string = ReportFormat> {
  readonly format: F;
  /** `{matrix}` is replaced by the matrix's name. */
  readonly file: string;
}

/** `--report junit=reports/{matrix}.xml`. @throws RowgateError `usage/report` */
export function fileReports<F extends string = ReportFormat>(
  given: readonly string[],
  systems: number,
  formats: readonly F[] = reportFormats as readonly string[] as readonly F[],
): readonly FileReport<F>[] {
  const reports = given.map((text): FileReport<F> => {
    const [name = "", ...rest] = text.split("=");
    const file = rest.join("=");
    const format = formats.find((one) => one === name);
    if (format === undefined || file === "") {
      throw usage(`--report ${text} is not <format>=<file>`, `formats: ${formats.join(", ")}`);
    }
    if (systems > 1 && !file.includes("{matrix}")) {
      throw usage(
        `--report ${text} names one file, and ${systems} matrices are proved`,
        `put {matrix} into its name: --report ${format}=${file.replace(/(\.[^.]*)?$/, "-{matrix}$1")}`,
      );
    }
    return { format, file };
  });
  const twice = reports.find((one, index) => reports.findIndex(({ file }) => file === one.file) !== index);
  if (twice !== undefined)
    throw usage(`Two reports name the file ${twice.file}`, "give each a separate file");
  return reports;
}

function usage(message: string, hint: string): RowgateError {
  return new RowgateError({ code: "usage/report", message: `${message}.`, hint });
}

/** Annotations on the pull request, in GitHub Actions. */
export async function annotateRun(folder: string, { annotate, cwd }: Environment): Promise<void> {
  if (annotate === undefined) return;
  const archive = await openArchived(folder, cwd);
  const render = await reporters.github();
  for await (const piece of render(archive, fileLooks)) annotate(piece);
}

const fileLooks: ReportOptions = { width: 120, colour: false, quiet: false, verbose: true, running: false };

/** @throws RowgateError `report/disk` */
export async function writeReports(
  reports: readonly FileReport[],
  archive: ArchivedRun,
  { cwd }: Pick<Environment, "cwd">,
  against?: ArchivedRun,
): Promise<void> {
  for (const { format, file } of reports) {
    const name = file.replaceAll("{matrix}", archive.run.matrix.name);
    const render = await reporters[format]();
    try {
      const target = path.resolve(cwd, name);
      await mkdir(path.dirname(target), { recursive: true });
      await pipeline(Readable.from(render(archive, { ...fileLooks, against })), createWriteStream(target));
    } catch (cause) {
      throw new RowgateError({
        code: "report/disk",
        message: `Could not write the report ${name}: ${messageOf(cause)}`,
        hint: `check the path and its permissions; the run is archived: rowgate report ${archive.path} --format ${format}`,
        cause,
      });
    }
  }
}
