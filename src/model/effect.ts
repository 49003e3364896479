/** What an answer means. */
export const effects = ["allowed", "filtered", "refused", "constraint", "error"] as const;
export type Effect = (typeof effects)[number];
