export const channels = ["direct", "rest"] as const;
export type Channel = (typeof channels)[number];
