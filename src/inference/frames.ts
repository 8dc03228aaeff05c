// How a supervisor and its inference children talk: frames over a pipe of their own. Node's IPC channel would do the
// same with less code, but costs an rt text a third of a millisecond more (docs/decisions.md, "A pipe of its own").
//
//   frame:    uint32 payload bytes, uint32 kind, payload; little-endian, as every supported platform is
//   run:      int32 batch id, rows, 1 if prompt tokens follow; then int32 tokens a row; then int32 prompt tokens a
//             row (where they follow); then the int32 ids of all rows, one after another
//   vectors:  int32 batch id, int32 unused, float64 milliseconds computed; then float32 × rows × dim
//   others:   a value as v8.serialize writes it
//
// A payload always begins at the start of a buffer of its own, so that typed arrays can look into it without a copy.
import { deserialize, serialize } from 'node:v8';
import { fail } from '../errors.js';
import type { TokenRow } from './token-row.js';

export const FRAME_HEADER_BYTES = 8;
/** More than any batch or model description; a header that says more is not a header. */
const MAX_PAYLOAD_BYTES = 1024 * 1024 * 1024;

export const FRAME_KINDS = { load: 1, run: 2, ready: 3, loadFailed: 4, vectors: 5, runFailed: 6 } as const;
export type FrameKind = (typeof FRAME_KINDS)[keyof typeof FRAME_KINDS];

export interface Frame {
  readonly kind: number;
  readonly payload: ArrayBuffer;
}

/** @returns payload bytes and kind */
export function decodeHeader(header: DataView): { payloadBytes: number; kind: number } {
  const payloadBytes = header.getUint32(0, true);
  if (payloadBytes > MAX_PAYLOAD_BYTES) {
    throw fail('E_INTERNAL', { problem: `an inference frame of ${payloadBytes} bytes` });
  }
  return { payloadBytes, kind: header.getUint32(4, true) };
}

function encodeFrame(
  kind: FrameKind,
  payloadBytes: number,
  write: (payload: ArrayBuffer, start: number) => void,
): Uint8Array {
  const frame = new ArrayBuffer(FRAME_HEADER_BYTES + payloadBytes);
  const header = new DataView(frame);
  header.setUint32(0, payloadBytes, true);
  header.setUint32(4, kind, true);
  write(frame, FRAME_HEADER_BYTES);
  return new Uint8Array(frame);
}

export function encodeValue(kind: FrameKind, value: unknown): Uint8Array {
  const bytes = serialize(value);
  return encodeFrame(kind, bytes.length, (frame, start) => new Uint8Array(frame, start).set(bytes));
}

/** Cast: each kind has one sender, which wrote what its receiver expects. */
export function decodeValue<Value>(payload: ArrayBuffer): Value {
  return deserialize(new Uint8Array(payload)) as Value;
}

const RUN_HEAD_INTS = 3;

export function encodeRun(batchId: number, rows: readonly TokenRow[]): Uint8Array {
  const hasPrompts = rows.some((row) => row.promptTokens > 0);
  const tokens = rows.reduce((sum, row) => sum + row.ids.length, 0);
  const ints = RUN_HEAD_INTS + rows.length * (hasPrompts ? 2 : 1) + tokens;
  return encodeFrame(FRAME_KINDS.run, ints * Int32Array.BYTES_PER_ELEMENT, (frame, start) => {
    const values = new Int32Array(frame, start);
    values.set([batchId, rows.length, hasPrompts ? 1 : 0]);
    let at = RUN_HEAD_INTS;
    for (const row of rows) values[at++] = row.ids.length;
    if (hasPrompts) for (const row of rows) values[at++] = row.promptTokens;
    for (const row of rows) {
      values.set(row.ids, at);
      at += row.ids.length;
    }
  });
}

export function decodeRun(payload: ArrayBuffer): { batchId: number; rows: TokenRow[] } {
  const values = new Int32Array(payload);
  const [batchId = 0, count = 0, hasPrompts = 0] = values;
  const promptsAt = RUN_HEAD_INTS + count;
  let at = promptsAt + (hasPrompts === 1 ? count : 0);
  const rows: TokenRow[] = [];
  for (let row = 0; row < count; row += 1) {
    const length = values[RUN_HEAD_INTS + row] ?? 0;
    const promptTokens = hasPrompts === 1 ? (values[promptsAt + row] ?? 0) : 0;
    rows.push({ ids: values.subarray(at, at + length), promptTokens, fullLength: length });
    at += length;
  }
  return { batchId, rows };
}

const VECTORS_HEAD_BYTES = 16;

export function encodeVectors(batchId: number, computeMs: number, vectors: Float32Array): Uint8Array {
  return encodeFrame(FRAME_KINDS.vectors, VECTORS_HEAD_BYTES + vectors.byteLength, (frame, start) => {
    const head = new DataView(frame, start);
    head.setInt32(0, batchId, true);
    head.setFloat64(8, computeMs, true);
    new Float32Array(frame, start + VECTORS_HEAD_BYTES).set(vectors);
  });
}

/** The vectors are a view of the payload. */
export function decodeVectors(payload: ArrayBuffer): { batchId: number; computeMs: number; vectors: Float32Array } {
  const head = new DataView(payload);
  return {
    batchId: head.getInt32(0, true),
    computeMs: head.getFloat64(8, true),
    vectors: new Float32Array(payload, VECTORS_HEAD_BYTES),
  };
}

/** Puts the chunks of a stream together to frames. */
export class FrameAssembler {
  readonly #onFrame: (frame: Frame) => void;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #kind = 0;
  #payload: Uint8Array<ArrayBuffer> | null = null;
  #payloadBytes = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws E_INTERNAL where the stream holds something else */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload === null) {
        const taken = chunk.subarray(at, at + FRAME_HEADER_BYTES - this.#headerBytes);
        this.#header.set(taken, this.#headerBytes);
        this.#headerBytes += taken.length;
        at += taken.length;
        if (this.#headerBytes < FRAME_HEADER_BYTES) return;
        const { payloadBytes, kind } = decodeHeader(new DataView(this.#header.buffer));
        this.#kind = kind;
        this.#payload = new Uint8Array(new ArrayBuffer(payloadBytes));
      }
      const taken = chunk.subarray(at, at + this.#payload.length - this.#payloadBytes);
      this.#payload.set(taken, this.#payloadBytes);
      this.#payloadBytes += taken.length;
      at += taken.length;
      if (this.#payloadBytes === this.#payload.length) this.#complete(this.#payload);
    }
  }

  #complete(payload: Uint8Array<ArrayBuffer>): void {
    this.#payload = null;
    this.#headerBytes = 0;
    this.#payloadBytes = 0;
    this.#onFrame({ kind: this.#kind, payload: payload.buffer });
  }
}
