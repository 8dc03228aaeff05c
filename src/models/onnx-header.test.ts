import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bytesField,
  externalTensor,
  type GraphParts,
  node,
  numberField,
  onnxModel,
  valueInfo,
} from '../../test/support/onnx-writer.js';
import { OnnxHeaderError, readOnnxHeader } from './onnx-header.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'embedq-onnx-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function headerOf(bytes: Buffer) {
  const file = path.join(folder, 'model.onnx');
  writeFileSync(file, bytes);
  return readOnnxHeader(file);
}

/** A tensor with its weights inside: 1 MB that must not be read. */
const largeTensor = Buffer.concat([numberField(2, 1), bytesField(8, 'weight'), bytesField(9, Buffer.alloc(1_000_000))]);
const parts: GraphParts = {
  nodes: [node('Gather', ['table', 'input_ids'], ['tokens'])],
  initializers: [largeTensor, externalTensor('table', [4, 8], 'weights.data', 256)],
  inputs: [valueInfo('input_ids', 7, ['batch', 'tokens']), valueInfo('weight', 1, [1000])],
  outputs: [valueInfo('last_hidden_state', 1, ['batch', 'tokens', 8]), valueInfo('pooled', 1, ['batch', 8])],
};

describe('readOnnxHeader', () => {
  it('tells inputs (less the weights among them), outputs with shapes, and external data', () => {
    expect(headerOf(onnxModel(parts))).toEqual({
      inputs: [{ name: 'input_ids', elementType: 7, shape: ['batch', 'tokens'] }],
      outputs: [
        { name: 'last_hidden_state', elementType: 1, shape: ['batch', 'tokens', 8] },
        { name: 'pooled', elementType: 1, shape: ['batch', 8] },
      ],
      externalData: [{ location: 'weights.data', endByte: 256 + 4 * 8 * 4 }],
    });
  });

  it('finds external data in the attributes of nodes and their subgraphs', () => {
    const constant = (location: string) =>
      Buffer.concat([node('Constant', [], ['c']), bytesField(5, bytesField(5, externalTensor('c', [2], location, 0)))]);
    const subgraph = bytesField(1, constant('inner.data'));
    const branch = Buffer.concat([node('If', [], ['d']), bytesField(5, bytesField(6, subgraph))]);
    const header = headerOf(onnxModel({ ...parts, nodes: [constant('outer.data'), branch] }));
    expect(header.externalData.map((data) => data.location)).toEqual(['outer.data', 'inner.data', 'weights.data']);
  });

  it('finds every cut, wherever it is', () => {
    const whole = onnxModel(parts);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (bytes) => {
        expect(() => headerOf(whole.subarray(0, bytes))).toThrow(OnnxHeaderError);
      }),
      { numRuns: 60, examples: [[0], [1], [2], [whole.length - 1], [whole.length - 6], [500_000]] },
    );
  });

  it('ends with an error on any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => headerOf(Buffer.from(bytes))).toThrow(OnnxHeaderError);
      }),
      { numRuns: 200 },
    );
  });
});
