// Reads what an ONNX file says about itself (inputs, outputs, where its weights lie) without loading it: a walk over
// the protobuf's fields that seeks past everything large. It also finds a file that was cut off.
// Field numbers: onnx.proto of ONNX (ModelProto, GraphProto, TensorProto, ValueInfoProto, AttributeProto).
import { type ProtobufField, ProtobufFile } from './protobuf-file.js';

/** TensorProto.DataType, as far as messages and checks need it. */
export const ONNX_FLOAT32 = 1;

export interface OnnxValue {
  readonly name: string;
  /** TensorProto.DataType; 0 where the file does not say. */
  readonly elementType: number;
  /** A number for a fixed size, a name (or '') for one known only when it runs; null: the shape is not given. */
  readonly shape: readonly (number | string)[] | null;
}

export interface OnnxExternalData {
  /** As written in the file: relative to the folder of the ONNX file. */
  readonly location: string;
  /** Bytes that the file must have at least. */
  readonly endByte: number;
}

export interface OnnxHeader {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** One a file. */
  readonly externalData: readonly OnnxExternalData[];
}

/** Thrown for a file that is no complete ONNX model. The message says what is wrong, with byte positions. */
export class OnnxHeaderError extends Error {}

/** Subgraphs (If, Loop) may nest; no exported encoder comes near this. */
const MAX_GRAPH_DEPTH = 16;

/**
 * @param file absolute path of the ONNX file
 * @throws OnnxHeaderError
 */
export function readOnnxHeader(file: string): OnnxHeader {
  const reader = ProtobufFile.open(file, (problem) => new OnnxHeaderError(problem));
  try {
    return new HeaderWalk(reader).walkModel();
  } finally {
    reader.close();
  }
}

class HeaderWalk {
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: OnnxValue[] = [];
  readonly #initializerNames = new Set<string>();
  readonly #externalEndByLocation = new Map<string, number>();

  constructor(private readonly reader: ProtobufFile) {}

  walkModel(): OnnxHeader {
    let graphs = 0;
    let opsets = 0;
    this.reader.forEachField(this.reader.whole(), (field) => {
      if (field.number === 7) {
        graphs++;
        this.#walkGraph(field, 0);
      } else if (field.number === 8) {
        opsets++;
      }
    });
    if (graphs !== 1) throw new OnnxHeaderError(`it holds ${graphs} graphs, not one: this is no ONNX model`);
    // Writers put the operator sets after the graph, so a file that was cut between the two still parses.
    if (opsets === 0) throw new OnnxHeaderError('it names no operator set: the end of the file is missing');
    return {
      // Old files list their weights among the inputs too.
      inputs: this.#inputs.filter((input) => !this.#initializerNames.has(input.name)),
      outputs: this.#outputs,
      externalData: [...this.#externalEndByLocation].map(([location, endByte]) => ({ location, endByte })),
    };
  }

  #walkGraph(graph: ProtobufField, depth: number): void {
    if (depth > MAX_GRAPH_DEPTH) throw new OnnxHeaderError(`its graphs nest deeper than ${MAX_GRAPH_DEPTH}`);
    this.reader.forEachField(graph, (field) => {
      if (field.number === 1) this.#walkNode(field, depth);
      else if (field.number === 5) this.#walkTensor(field, depth === 0);
      else if (field.number === 11 && depth === 0) this.#inputs.push(this.#readValue(field));
      else if (field.number === 12 && depth === 0) this.#outputs.push(this.#readValue(field));
    });
  }

  /** Tensors and subgraphs hide in a node's attributes too. */
  #walkNode(node: ProtobufField, depth: number): void {
    this.reader.forEachField(node, (attribute) => {
      if (attribute.number !== 5) return;
      this.reader.forEachField(attribute, (field) => {
        if (field.number === 5 || field.number === 10) this.#walkTensor(field, false);
        else if (field.number === 6 || field.number === 11) this.#walkGraph(field, depth + 1);
      });
    });
  }

  #walkTensor(tensor: ProtobufField, isInitializer: boolean): void {
    let isExternal = false;
    const external = new Map<string, string>();
    this.reader.forEachField(tensor, (field) => {
      if (field.number === 8 && isInitializer) this.#initializerNames.add(this.reader.readString(field));
      else if (field.number === 13) external.set(...this.#readEntry(field));
      else if (field.number === 14) isExternal = field.value === 1;
    });
    if (!isExternal) return;
    const location = external.get('location');
    if (location === undefined) throw new OnnxHeaderError('a tensor lies in an external file that is not named');
    const endByte = Number(external.get('offset') ?? 0) + Number(external.get('length') ?? 0);
    if (!Number.isSafeInteger(endByte)) throw new OnnxHeaderError(`a tensor's place in "${location}" is not a number`);
    this.#externalEndByLocation.set(location, Math.max(endByte, this.#externalEndByLocation.get(location) ?? 0));
  }

  #readEntry(entry: ProtobufField): [key: string, value: string] {
    let key = '';
    let value = '';
    this.reader.forEachField(entry, (field) => {
      if (field.number === 1) key = this.reader.readString(field);
      else if (field.number === 2) value = this.reader.readString(field);
    });
    return [key, value];
  }

  #readValue(valueInfo: ProtobufField): OnnxValue {
    let name = '';
    let elementType = 0;
    let shape: (number | string)[] | null = null;
    this.reader.forEachField(valueInfo, (field) => {
      if (field.number === 1) name = this.reader.readString(field);
      else if (field.number === 2) {
        this.reader.forEachField(field, (tensorType) => {
          if (tensorType.number !== 1) return;
          this.reader.forEachField(tensorType, (part) => {
            if (part.number === 1) elementType = part.value;
            else if (part.number === 2) shape = this.#readShape(part);
          });
        });
      }
    });
    return { name, elementType, shape };
  }

  #readShape(shape: ProtobufField): (number | string)[] {
    const sizes: (number | string)[] = [];
    this.reader.forEachField(shape, (dimension) => {
      if (dimension.number !== 1) return;
      let size: number | string = '';
      this.reader.forEachField(dimension, (field) => {
        if (field.number === 1) size = field.value;
        else if (field.number === 2) size = this.reader.readString(field);
      });
      sizes.push(size);
    });
    return sizes;
  }
}
