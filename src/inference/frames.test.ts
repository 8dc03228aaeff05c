import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRun,
  decodeValue,
  decodeVectors,
  encodeRun,
  encodeValue,
  encodeVectors,
  FRAME_HEADER_BYTES,
  FRAME_KINDS,
  type Frame,
  FrameAssembler,
} from './frames.js';

function payloadOf(frame: Uint8Array): ArrayBuffer {
  return Uint8Array.from(frame.subarray(FRAME_HEADER_BYTES)).buffer;
}

const rowArbitrary = fc
  .record({
    ids: fc.int32Array({ min: 0, maxLength: 40 }),
    promptTokens: fc.nat(5),
  })
  .map(({ ids, promptTokens }) => ({ ids: Int32Array.from(ids), promptTokens, fullLength: ids.length }));

describe('frames', () => {
  it('carry any batch unchanged', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.array(rowArbitrary, { minLength: 1, maxLength: 20 }), (batchId, rows) => {
        expect(decodeRun(payloadOf(encodeRun(batchId, rows)))).toEqual({ batchId, rows });
      }),
    );
  });

  it('carry vectors to the bit', () => {
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 50 }), fc.double({ min: 0, noNaN: true }), (floats, computeMs) => {
        const vectors = Float32Array.from(floats);
        const decoded = decodeVectors(payloadOf(encodeVectors(7, computeMs, vectors)));
        expect(decoded).toMatchObject({ batchId: 7, computeMs });
        expect(new Uint8Array(decoded.vectors.slice().buffer)).toEqual(new Uint8Array(vectors.buffer));
      }),
    );
  });

  it('are put together from chunks cut anywhere', () => {
    const sent = [
      encodeValue(FRAME_KINDS.ready, { residentBytes: 12 }),
      encodeRun(3, [{ ids: Int32Array.of(1, 2, 3), promptTokens: 0, fullLength: 3 }]),
      encodeVectors(3, 1.5, Float32Array.of(0.25, -0)),
    ];
    const stream = Uint8Array.from(sent.flatMap((frame) => [...frame]));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sizes) => {
        const frames: Frame[] = [];
        const assembler = new FrameAssembler((frame) => frames.push(frame));
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          assembler.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(frames.map(({ kind }) => kind)).toEqual([FRAME_KINDS.ready, FRAME_KINDS.run, FRAME_KINDS.vectors]);
        expect(frames.map(({ payload }) => new Uint8Array(payload))).toEqual(
          sent.map((frame) => Uint8Array.from(frame.subarray(FRAME_HEADER_BYTES))),
        );
        expect(decodeValue(frames[0]?.payload ?? new ArrayBuffer(0))).toEqual({ residentBytes: 12 });
      }),
    );
  });

  it('refuse a header that cannot be one, instead of waiting for gigabytes', () => {
    const assembler = new FrameAssembler(() => {});
    expect(() => assembler.push(new Uint8Array(FRAME_HEADER_BYTES).fill(255))).toThrow(/4294967295 bytes/);
  });
});
