// Decides how many inference children a model gets, with how many threads, and whether the lanes have pools of
// their own. Pure arithmetic over what the machine gives.
import { fail } from '../errors.js';

const MIB = 1024 * 1024;
/** An idle Node process with the runtime loaded and no model; measured 75-95 MiB on Linux x64. */
const CHILD_BASE_MIB = 95;
/** The runtime's own copy of the weights plus what graph optimisation leaves behind, as a share of the file. */
const WEIGHTS_FACTOR = 1.35;
/** Activations of a batch of some thousand padded tokens of a base-size model. */
const ACTIVATIONS_MIB = 96;

export interface PoolShape {
  readonly children: number;
  /** Threads of one child's run. */
  readonly threads: number;
}

export type PoolPlan =
  /** Each lane has its own children; the operating system lets rt go first. */
  | { readonly mode: 'pools'; readonly rt: PoolShape; readonly bulk: PoolShape; readonly childMiB: number }
  /** The lanes share children; the scheduler lets rt go first and keeps bulk batches short. */
  | { readonly mode: 'shared'; readonly shared: PoolShape; readonly childMiB: number };

/** What one child is expected to take, in MiB. */
export function estimateChildMiB(weightsBytes: number): number {
  return Math.ceil(CHILD_BASE_MIB + ACTIVATIONS_MIB + (weightsBytes / MIB) * WEIGHTS_FACTOR);
}

/**
 * Plans the children of one model.
 * @param sessions EMB_SESSIONS: 0 chooses; more means that many children shared by both lanes
 * @param memoryLimitMiB what this model's children may take together
 * @throws E_MEMORY_TOO_SMALL where not even one child fits
 */
export function planPools(machine: {
  readonly model: string;
  readonly cores: number;
  readonly sessions: number;
  readonly weightsBytes: number;
  readonly memoryLimitMiB: number;
}): PoolPlan {
  const childMiB = estimateChildMiB(machine.weightsBytes);
  const fitting = Math.floor(machine.memoryLimitMiB / childMiB);
  if (fitting < Math.max(1, machine.sessions)) {
    throw fail('E_MEMORY_TOO_SMALL', {
      model: machine.model,
      neededMiB: childMiB * Math.max(1, machine.sessions),
      limitMiB: machine.memoryLimitMiB,
    });
  }
  if (machine.sessions > 0) {
    return { mode: 'shared', shared: shareCores(machine.cores, machine.sessions), childMiB };
  }
  if (fitting < 2) return { mode: 'shared', shared: { children: 1, threads: machine.cores }, childMiB };
  return {
    mode: 'pools',
    rt: { children: 1, threads: machine.cores },
    bulk: shareCores(machine.cores, Math.min(machine.cores, fitting - 1)),
    childMiB,
  };
}

/** The shapes worth measuring for a bulk pool, the likeliest first. */
export function bulkShapeCandidates(planned: PoolShape, cores: number): PoolShape[] {
  const children = [planned.children, Math.ceil(planned.children / 2), 1];
  return [...new Set(children)].map((count) => shareCores(cores, count));
}

function shareCores(cores: number, children: number): PoolShape {
  return { children, threads: Math.max(1, Math.floor(cores / children)) };
}
