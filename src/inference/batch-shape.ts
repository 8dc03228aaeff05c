// The start-up probe: finds how many padded tokens a batch should hold on this machine. Small batches stay in the
// caches and large ones only add padding, so the best size is somewhere between, and differs by model and machine.

/** Padded tokens of the batches that are tried, smallest first. */
const SIZES_TOKENS = [128, 256, 384, 512, 768, 1024, 2048, 4096] as const;
/** Tokens a row of the probe: about the median of passages. */
export const PROBE_ROW_TOKENS = 64;
/** The smallest size this close to the fastest is taken: smaller batches pad less and end sooner. */
const GOOD_ENOUGH = 0.97;
/** A size this far below the best so far ends the search: throughput has one hump. */
const CLEARLY_WORSE = 0.85;

export interface BatchShape {
  /** Padded tokens of a batch. */
  readonly targetTokens: number;
  /** Padded tokens a millisecond, all children together. */
  readonly tokensPerMs: number;
}

/**
 * Measures batch sizes until the time is used up, each on all children at once.
 * @param runBatches computes one batch of `rows` rows of PROBE_ROW_TOKENS tokens on every child, at the same time
 * @param children how many those are
 */
export async function measureBatchShape(probe: {
  readonly runBatches: (rows: number) => Promise<void>;
  readonly children: number;
  readonly maxTokens: number;
  readonly budgetMs: number;
  readonly now: () => number;
}): Promise<BatchShape> {
  const sizes = SIZES_TOKENS.filter((tokens) => tokens <= probe.maxTokens);
  const usable = sizes.length > 0 ? sizes : [PROBE_ROW_TOKENS];
  const endAtMs = probe.now() + probe.budgetMs;
  const measured: BatchShape[] = [];
  // The first runs allocate; they are not counted.
  await probe.runBatches(rowsOf(usable[0] ?? PROBE_ROW_TOKENS));
  for (const targetTokens of usable) {
    const best = fastest(measured);
    const last = measured.at(-1);
    if (best !== undefined && last !== undefined && last.tokensPerMs < best.tokensPerMs * CLEARLY_WORSE) break;
    if (measured.length > 0 && probe.now() >= endAtMs) break;
    measured.push({ targetTokens, tokensPerMs: await measureSize(probe, targetTokens, usable.length) });
  }
  const best = fastest(measured);
  const chosen = measured.find((shape) => best !== undefined && shape.tokensPerMs >= best.tokensPerMs * GOOD_ENOUGH);
  return chosen ?? { targetTokens: PROBE_ROW_TOKENS, tokensPerMs: 1 };
}

async function measureSize(
  probe: Parameters<typeof measureBatchShape>[0],
  targetTokens: number,
  sizes: number,
): Promise<number> {
  const rows = rowsOf(targetTokens);
  const shareMs = probe.budgetMs / sizes;
  let leastMs = Number.POSITIVE_INFINITY;
  const startedAtMs = probe.now();
  // The best of several runs: whatever else the machine does can only make one slower.
  do {
    const runAtMs = probe.now();
    await probe.runBatches(rows);
    leastMs = Math.min(leastMs, Math.max(0.001, probe.now() - runAtMs));
  } while (probe.now() - startedAtMs < shareMs);
  return (rows * PROBE_ROW_TOKENS * probe.children) / leastMs;
}

function rowsOf(tokens: number): number {
  return Math.max(1, Math.round(tokens / PROBE_ROW_TOKENS));
}

function fastest(shapes: readonly BatchShape[]): BatchShape | undefined {
  return shapes.reduce<BatchShape | undefined>(
    (best, shape) => (best === undefined || shape.tokensPerMs > best.tokensPerMs ? shape : best),
    undefined,
  );
}
