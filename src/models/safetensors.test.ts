import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSafetensors, SafetensorsError } from './safetensors.js';

function safetensors(header: Record<string, unknown>, data: Buffer): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const float32 = Buffer.from(Float32Array.of(1.5, -2, 0.25, 3).buffer);
const one = { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] };

describe('parseSafetensors', () => {
  it('reads F32, F16 and BF16 as float32, with their shapes', () => {
    // binary16: 1.5 = 0x3e00, -2 = 0xc000, smallest subnormal = 0x0001, infinity = 0x7c00. bfloat16: 1.5 = 0x3fc0.
    const data = Buffer.concat([float32, Buffer.from(Uint16Array.of(0x3e00, 0xc000, 0x0001, 0x7c00, 0x3fc0).buffer)]);
    const tensors = parseSafetensors(
      safetensors(
        {
          __metadata__: { format: 'pt' },
          'linear.weight': one,
          half: { dtype: 'F16', shape: [4], data_offsets: [16, 24] },
          brain: { dtype: 'BF16', shape: [1], data_offsets: [24, 26] },
        },
        data,
      ),
    );
    expect([...tensors.keys()]).toEqual(['linear.weight', 'half', 'brain']);
    expect(tensors.get('linear.weight')).toEqual({ shape: [2, 2], data: Float32Array.of(1.5, -2, 0.25, 3) });
    expect(tensors.get('half')?.data).toEqual(Float32Array.of(1.5, -2, 2 ** -24, Number.POSITIVE_INFINITY));
    expect(tensors.get('brain')?.data).toEqual(Float32Array.of(1.5));
  });

  it.each([
    ['a tensor beyond the end', { x: { ...one, data_offsets: [16, 32] } }],
    ['a shape that its bytes do not hold', { x: { ...one, shape: [3, 2] } }],
    ['an element type that is not read', { x: { ...one, dtype: 'I64' } }],
    ['an entry that is none', { x: { shape: 4 } }],
  ])('refuses %s', (_, header) => {
    expect(() => parseSafetensors(safetensors(header, float32))).toThrow(SafetensorsError);
  });

  it('refuses every cut of a file', () => {
    const whole = safetensors({ x: one }, float32);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (bytes) => {
        expect(() => parseSafetensors(whole.subarray(0, bytes))).toThrow(SafetensorsError);
      }),
    );
  });
});
