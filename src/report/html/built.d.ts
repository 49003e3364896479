// What scripts/build-page.js writes as dist/report/html/built.js.
export declare const script: string;
export declare const style: string;
/** `sha256-…` of each, as a Content-Security-Policy names it. */
export declare const scriptHash: string;
export declare const styleHash: string;
/** The program of `rowgate mutate --report mutation-html`. */
export declare const mutationScript: string;
export declare const mutationScriptHash: string;
