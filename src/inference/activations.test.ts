import { describe, expect, it } from 'vitest';
import type { Activation } from '../models/description.js';
import { ACTIVATIONS } from './activations.js';

// Values of torch.nn's modules with their defaults, in double precision.
const expected: Readonly<Record<Activation, readonly [x: number, y: number][]>> = {
  identity: [[-1.5, -1.5]],
  tanh: [[1, 0.7615941559557649]],
  relu: [
    [-2, 0],
    [2, 2],
  ],
  gelu: [
    [1, 0.8413447460685429],
    [-1, -0.15865525393145707],
    [3, 2.99595030590511],
    [-4, -0.00012668496733247994],
    [0, 0],
  ],
  sigmoid: [[1, 0.7310585786300049]],
  silu: [[1, 0.7310585786300049]],
  leaky_relu: [
    [-2, -0.02],
    [2, 2],
  ],
  elu: [
    [-1, -0.6321205588285577],
    [2, 2],
  ],
};

describe('activations', () => {
  it.each(Object.entries(expected))('%s is the function of torch', (name, points) => {
    // Cast: the keys of the table above.
    const activate = ACTIVATIONS[name as Activation];
    for (const [x, y] of points) expect(activate(x)).toBeCloseTo(y, 13);
  });
});
