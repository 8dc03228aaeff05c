// Writes the few ONNX structures that tests need, field by field: a damaged or unusual file can be made on purpose.
// Field numbers: onnx.proto of ONNX.

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function numberField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

export function bytesField(field: number, content: Buffer | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

/** ValueInfoProto of a tensor; sizes that are strings are named dimensions. */
export function valueInfo(name: string, elementType: number, shape: readonly (number | string)[]): Buffer {
  const dimensions = shape.map((size) =>
    bytesField(1, typeof size === 'number' ? numberField(1, size) : bytesField(2, size)),
  );
  const tensorType = Buffer.concat([numberField(1, elementType), bytesField(2, Buffer.concat(dimensions))]);
  return Buffer.concat([bytesField(1, name), bytesField(2, bytesField(1, tensorType))]);
}

/** TensorProto of float32 whose content lies in another file, from byte `offset`. */
export function externalTensor(name: string, shape: readonly number[], location: string, offset: number): Buffer {
  const entry = (key: string, value: string) =>
    bytesField(13, Buffer.concat([bytesField(1, key), bytesField(2, value)]));
  return Buffer.concat([
    ...shape.map((size) => numberField(1, size)),
    numberField(2, 1),
    bytesField(8, name),
    entry('location', location),
    entry('offset', String(offset)),
    entry('length', String(shape.reduce((product, size) => product * size, 4))),
    numberField(14, 1),
  ]);
}

/** NodeProto without attributes. */
export function node(operator: string, inputs: readonly string[], outputs: readonly string[]): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => bytesField(1, name)),
    ...outputs.map((name) => bytesField(2, name)),
    bytesField(4, operator),
  ]);
}

export interface GraphParts {
  readonly nodes?: readonly Buffer[];
  readonly initializers?: readonly Buffer[];
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
}

/** ModelProto with IR version 8 and operator set 17. */
export function onnxModel({ nodes = [], initializers = [], inputs, outputs }: GraphParts): Buffer {
  const graph = Buffer.concat([
    ...nodes.map((part) => bytesField(1, part)),
    bytesField(2, 'test'),
    ...initializers.map((part) => bytesField(5, part)),
    ...inputs.map((part) => bytesField(11, part)),
    ...outputs.map((part) => bytesField(12, part)),
  ]);
  const opset = Buffer.concat([bytesField(1, ''), numberField(2, 17)]);
  return Buffer.concat([numberField(1, 8), bytesField(7, graph), bytesField(8, opset)]);
}
