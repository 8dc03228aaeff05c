// Reads a small .safetensors file (the weights of a Dense or LayerNorm module) into Float32Arrays.
// Format: https://github.com/huggingface/safetensors#format (8 bytes length, a JSON header, the data).
import { open } from 'node:fs/promises';
import { z } from 'zod';

export interface Float32Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Thrown for a file that is not right; the message says what and where. */
export class SafetensorsError extends Error {}

const MAX_FILE_BYTES = 512 * 1024 * 1024;
const LENGTH_BYTES = 8;

const BYTES_PER_ELEMENT = { F32: 4, F16: 2, BF16: 2 } as const;
type ElementType = keyof typeof BYTES_PER_ELEMENT;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const headerSchema = z.record(z.string(), z.unknown());

/**
 * All tensors of a file by name, as float32.
 * @throws SafetensorsError
 */
export async function readSafetensors(file: string): Promise<ReadonlyMap<string, Float32Tensor>> {
  const handle = await open(file);
  let bytes: Buffer;
  try {
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) throw new SafetensorsError(`it has ${size} bytes, limit ${MAX_FILE_BYTES}`);
    bytes = await handle.readFile();
  } finally {
    await handle.close();
  }
  return parseSafetensors(bytes);
}

export function parseSafetensors(bytes: Buffer): ReadonlyMap<string, Float32Tensor> {
  if (bytes.length < LENGTH_BYTES) throw new SafetensorsError(`it has only ${bytes.length} bytes`);
  const headerBytes = bytes.readBigUInt64LE(0);
  if (headerBytes > BigInt(bytes.length - LENGTH_BYTES)) {
    throw new SafetensorsError(`its header should have ${headerBytes} bytes, the file has ${bytes.length}`);
  }
  const dataStart = LENGTH_BYTES + Number(headerBytes);
  const data = bytes.subarray(dataStart);
  const tensors = new Map<string, Float32Tensor>();
  for (const [name, entry] of Object.entries(parseHeader(bytes.subarray(LENGTH_BYTES, dataStart)))) {
    if (name !== '__metadata__') tensors.set(name, readTensor(name, entry, data));
  }
  return tensors;
}

function parseHeader(bytes: Buffer): Record<string, unknown> {
  try {
    return headerSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new SafetensorsError('its header is not a JSON object', { cause });
  }
}

function readTensor(name: string, entry: unknown, data: Buffer): Float32Tensor {
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) throw new SafetensorsError(`tensor ${name} is not described as the format says`);
  const { dtype, shape, data_offsets } = parsed.data;
  if (!isElementType(dtype)) throw new SafetensorsError(`tensor ${name} is ${dtype}; F32, F16 and BF16 are read`);
  const elements = shape.reduce((product, size) => product * size, 1);
  const [start, end] = data_offsets;
  if (end - start !== elements * BYTES_PER_ELEMENT[dtype] || end > data.length) {
    throw new SafetensorsError(
      `tensor ${name} ([${shape.join(', ')}] ${dtype}) lies at bytes ${start} to ${end} of ${data.length}`,
    );
  }
  return { shape, data: toFloat32(data.subarray(start, end), dtype, elements) };
}

function isElementType(dtype: string): dtype is ElementType {
  return dtype in BYTES_PER_ELEMENT;
}

function toFloat32(bytes: Buffer, dtype: ElementType, elements: number): Float32Array {
  const values = new Float32Array(elements);
  if (dtype === 'F32') {
    for (let i = 0; i < elements; i++) values[i] = bytes.readFloatLE(i * 4);
  } else if (dtype === 'F16') {
    for (let i = 0; i < elements; i++) values[i] = float16ToNumber(bytes.readUInt16LE(i * 2));
  } else {
    // bfloat16 is the upper half of a float32.
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < elements; i++) bits[i] = bytes.readUInt16LE(i * 2) << 16;
  }
  return values;
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
