import { setFlagsFromString } from "node:v8";

/**
 * A run keeps little and goes through much: of a heap of 100 MB, 75 are cells that were judged and written long ago. By itself V8
 * lets a heap grow to several times of what lived after the last collection; here it collects once it has grown by three
 * quarters. A third less memory at a million cells, for no time that shows (`npm run bench -- --only memory`). It is a flag of
 * the process, so only a program of its own may call it. https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--heap-growing-percent=75");
}
