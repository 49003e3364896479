import { testVariants } from "./variants.ts";

testVariants(1, 2);
