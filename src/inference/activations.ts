// The activation functions of Dense modules, with torch's default parameters and exact forms.
import type { Activation } from '../models/description.js';

export const ACTIVATIONS: Readonly<Record<Activation, (x: number) => number>> = {
  identity: (x) => x,
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
  // torch.nn.GELU(approximate='none'): x · Φ(x).
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  leaky_relu: (x) => (x >= 0 ? x : 0.01 * x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
};

/**
 * The error function to about 1e-15: its Taylor series near zero, the continued fraction of erfc beyond.
 * Abramowitz & Stegun 7.1.6 and 7.1.14.
 */
function erf(x: number): number {
  const z = Math.abs(x);
  const value = z < 2.5 ? erfSeries(z) : 1 - erfcFraction(z);
  return x < 0 ? -value : value;
}

function erfSeries(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; n < 80 && term > 1e-17; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

function erfcFraction(z: number): number {
  let fraction = z;
  for (let n = 60; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction);
}
