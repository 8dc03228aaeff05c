// The two lanes. `rt`: someone is waiting, milliseconds count. `bulk`: throughput counts, minutes are fine.

export const LANES = ['rt', 'bulk'] as const;

/** Where a text waits and computes. */
export type Lane = (typeof LANES)[number];

/** What a caller asks for. It picks the lane, and that lane's default models. */
export type Profile = Lane;
