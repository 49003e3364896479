import { testVariants } from "./variants.ts";

testVariants(0, 2);
