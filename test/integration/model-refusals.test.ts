// What cannot be computed exactly is refused by name: real repositories, each damaged in one way in a copy.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraphSession } from '../../src/inference/graph-session.js';
import { createTokenizer } from '../../src/inference/tokenizer.js';
import { type RepositoryRequest, readModelRepository } from '../../src/models/repository.js';
import { externalTensor, node, onnxModel, valueInfo } from '../support/onnx-writer.js';

const TINY = path.resolve(import.meta.dirname, '../../../shared/models/tiny');
const FLOAT32 = 1;
const INT64 = 7;

let copies: string;
beforeEach(() => {
  copies = mkdtempSync(path.join(os.tmpdir(), 'embedq-refusals-'));
});
afterEach(() => rmSync(copies, { recursive: true, force: true }));

/** A copy of a tiny repository that may be damaged. */
function copyOf(name: string): string {
  const folder = path.join(copies, name);
  cpSync(path.join(TINY, name), folder, { recursive: true });
  return folder;
}

function editJson(folder: string, file: string, edit: (json: Record<string, unknown>) => void): void {
  const json = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  edit(json);
  writeFileSync(path.join(folder, file), JSON.stringify(json));
}

function expectRefusal(folder: string, code: string, words: RegExp, request: Partial<RepositoryRequest> = {}) {
  return expect(readModelRepository({ folder, name: 'damaged', ...request })).rejects.toMatchObject({
    code,
    message: expect.stringMatching(words),
  });
}

/** A graph that only says what it takes and gives. */
function writeGraph(folder: string, outputs: readonly Buffer[], inputs = ['input_ids', 'attention_mask']): void {
  const model = onnxModel({ inputs: inputs.map((name) => valueInfo(name, INT64, ['batch', 'tokens'])), outputs });
  writeFileSync(path.join(folder, 'onnx/model.onnx'), model);
}

describe.skipIf(!existsSync(TINY))('a repository is refused', () => {
  it('undamaged: not at all', async () => {
    const description = await readModelRepository({ folder: copyOf('bert-cls'), name: 'whole', dim: 32, maxSeq: 64 });
    expect(description).toMatchObject({ dim: 32, maxSeq: 64, chainInWords: 'cls pooling → normalize' });
  });

  it('where there is no folder', () => expectRefusal(path.join(copies, 'none'), 'E_MODEL_NOT_FOUND', /none/));

  it.each(['StaticEmbedding', 'WordWeights', 'Asym'])('with the module %s', async (module) => {
    const folder = copyOf('bert-cls');
    const modules = JSON.parse(readFileSync(path.join(folder, 'modules.json'), 'utf8'));
    modules.push({ idx: 3, name: '3', path: '3_X', type: `sentence_transformers.models.${module}` });
    writeFileSync(path.join(folder, 'modules.json'), JSON.stringify(modules));
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', new RegExp(module));
  });

  it('with a module of its own code', async () => {
    const folder = copyOf('bert-cls');
    const text = readFileSync(path.join(folder, 'modules.json'), 'utf8');
    writeFileSync(
      path.join(folder, 'modules.json'),
      text.replace(/sentence_transformers\.base\.[\w.]+Transformer/, 'custom_st.Transformer'),
    );
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /custom_st\.Transformer.*never runs/);
  });

  it('without tokenizer.json', async () => {
    const folder = copyOf('bert-cls');
    rmSync(path.join(folder, 'tokenizer.json'));
    await expectRefusal(folder, 'E_MODEL_FILE_MISSING', /tokenizer\.json/);
  });

  it('without its ONNX file, or the one that was named', async () => {
    const folder = copyOf('bert-cls');
    await expectRefusal(folder, 'E_MODEL_FILE_MISSING', /onnx\/model_int8\.onnx: it has onnx\/model\.onnx$/, {
      variant: 'int8',
    });
    rmSync(path.join(folder, 'onnx/model.onnx'));
    await expectRefusal(folder, 'E_MODEL_FILE_MISSING', /onnx\/model\.onnx: it has no \.onnx file$/);
  });

  it.each([0, 1, 100, 0.5, 0.9, 0.999, -1, -10])('with an ONNX file cut at %s', async (cut) => {
    const folder = copyOf('bert-cls');
    const file = path.join(folder, 'onnx/model.onnx');
    const { length } = readFileSync(file);
    truncateSync(file, cut < 0 ? length + cut : cut > 0 && cut < 1 ? Math.floor(length * cut) : cut);
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /onnx\/model\.onnx/);
  });

  it('with something else under the name of an ONNX file', async () => {
    const folder = copyOf('bert-cls');
    writeFileSync(path.join(folder, 'onnx/model.onnx'), '<!DOCTYPE html><html>Not found</html>');
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /onnx\/model\.onnx/);
  });

  it('where the configured dim is another', () =>
    expectRefusal(copyOf('bert-two-poolings'), 'E_MODEL_DIM_MISMATCH', /64 floats, configured are 32/, { dim: 32 }));

  it.each([
    ['bert-cls', 128],
    ['roberta-mean', 128],
    ['mpnet-max-legacy', 128],
    ['xlmr-cls-prompts', 128],
  ])('%s: where the configured max_seq exceeds its %i positions', async (name, positions) => {
    const folder = copyOf(name);
    await expectRefusal(folder, 'E_MODEL_MAX_SEQ_TOO_LARGE', new RegExp(`${positions} tokens`), {
      maxSeq: positions + 1,
    });
    const atLimit = await readModelRepository({ folder, name, maxSeq: positions });
    expect(atLimit).toMatchObject({ maxSeq: positions, maxSeqSource: 'configured' });
  });

  it('with pickled weights', async () => {
    const folder = copyOf('bert-weightedmean-dense');
    rmSync(path.join(folder, '2_Dense/model.safetensors'));
    writeFileSync(path.join(folder, '2_Dense/pytorch_model.bin'), 'pickle');
    await expectRefusal(folder, 'E_MODEL_UNSAFE_WEIGHTS', /2_Dense\/pytorch_model\.bin/);
  });

  it('with damaged or missing module weights', async () => {
    const folder = copyOf('bert-weightedmean-dense');
    const file = path.join(folder, '2_Dense/model.safetensors');
    truncateSync(file, readFileSync(file).length - 1);
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /2_Dense\/model\.safetensors.*linear/);
    rmSync(file);
    await expectRefusal(folder, 'E_MODEL_FILE_MISSING', /2_Dense\/model\.safetensors/);
  });

  it('with an unknown activation or pooling mode', async () => {
    const dense = copyOf('bert-weightedmean-dense');
    editJson(dense, '2_Dense/config.json', (json) => {
      json['activation_function'] = 'torch.nn.modules.activation.Hardswish';
    });
    await expectRefusal(dense, 'E_MODEL_UNSUPPORTED', /Hardswish/);
    const pooling = copyOf('bert-cls');
    editJson(pooling, '1_Pooling/config.json', (json) => {
      json['pooling_mode'] = 'attention';
    });
    await expectRefusal(pooling, 'E_MODEL_UNSUPPORTED', /"attention"/);
  });

  it('with JSON that is none, or has fields of another kind, naming file and field', async () => {
    const folder = copyOf('bert-cls');
    editJson(folder, 'config.json', (json) => {
      json['max_position_embeddings'] = 'many';
    });
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /config\.json.*max_position_embeddings/);
    writeFileSync(path.join(folder, 'config.json'), '{"model_type": ');
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /config\.json.*not JSON/);
  });

  it('with a default prompt that it does not have', async () => {
    const folder = copyOf('xlmr-lasttoken-default-prompt');
    editJson(folder, 'config_sentence_transformers.json', (json) => {
      json['default_prompt_name'] = 'passage';
    });
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /default_prompt_name.*passage/);
  });

  it('with pooling for tokens of another width', async () => {
    const folder = copyOf('bert-cls');
    editJson(folder, '1_Pooling/config.json', (json) => {
      json['embedding_dimension'] = 48;
    });
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /48 floats, the graph makes 32/);
  });

  it('where a named variant leaves the folder', async () => {
    const folder = copyOf('bert-cls');
    writeFileSync(path.join(copies, 'outside.onnx'), readFileSync(path.join(folder, 'onnx/model.onnx')));
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /leaves/, { variant: '../outside.onnx' });
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /leaves/, { variant: path.join(copies, 'outside.onnx') });
    symlinkSync(path.join(copies, 'outside.onnx'), path.join(folder, 'onnx/link.onnx'));
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /leaves/, { variant: 'onnx/link.onnx' });
  });

  it('with inputs or outputs that are not known', async () => {
    const folder = copyOf('bert-cls');
    writeGraph(folder, [valueInfo('logits', FLOAT32, ['batch', 2])]);
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /logits/);
    writeGraph(folder, [valueInfo('last_hidden_state', 10, ['batch', 'tokens', 32])]);
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /type 10, not as float32/);
    writeGraph(
      folder,
      [valueInfo('last_hidden_state', FLOAT32, ['batch', 'tokens', 32])],
      ['input_ids', 'pixel_values'],
    );
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /pixel_values/);
  });

  it('with a tokenizer.json that the library does not take', async () => {
    const folder = copyOf('bert-cls');
    editJson(folder, 'tokenizer.json', (json) => {
      json['pre_tokenizer'] = { type: 'Unheard' };
    });
    const description = await readModelRepository({ folder, name: 'damaged' });
    await expect(createTokenizer(description)).rejects.toMatchObject({ code: 'E_MODEL_FILE_CORRUPT' });
  });
});

describe.skipIf(!existsSync(TINY))('external data', () => {
  /** A graph of one lookup in a table of 1 x 32 floats that lies in another file. */
  function writeExternal(folder: string, location: string): void {
    const model = onnxModel({
      initializers: [externalTensor('table', [1, 32], location, 64)],
      nodes: [node('Gather', ['table', 'input_ids'], ['last_hidden_state'])],
      inputs: [valueInfo('input_ids', INT64, ['batch', 'tokens'])],
      outputs: [valueInfo('last_hidden_state', FLOAT32, ['batch', 'tokens', 32])],
    });
    writeFileSync(path.join(folder, 'onnx/model.onnx'), model);
  }

  const dataBytes = 64 + 4 * 32;

  it('is found beside the graph, listed, and loaded', async () => {
    const folder = copyOf('bert-cls');
    writeExternal(folder, 'weights.data');
    const data = Buffer.alloc(dataBytes);
    for (let i = 0; i < 32; i++) data.writeFloatLE(i, 64 + i * 4);
    writeFileSync(path.join(folder, 'onnx/weights.data'), data);
    const description = await readModelRepository({ folder, name: 'external' });
    expect(description.externalDataFiles).toEqual(['onnx/weights.data']);
    const session = await GraphSession.create(description, { threads: 1 });
    const [first, second] = await session.run([{ ids: Int32Array.of(0), promptTokens: 0, fullLength: 1 }]);
    await session.close();
    expect(first).toBe(0);
    expect(second).toBeCloseTo(1 / Math.sqrt(Array.from({ length: 32 }, (_, i) => i * i).reduce((a, b) => a + b)), 6);
  });

  it('that is missing or cut off is refused', async () => {
    const folder = copyOf('bert-cls');
    writeExternal(folder, 'weights.data');
    await expectRefusal(folder, 'E_MODEL_FILE_MISSING', /onnx\/weights\.data/);
    writeFileSync(path.join(folder, 'onnx/weights.data'), Buffer.alloc(dataBytes - 1));
    await expectRefusal(folder, 'E_MODEL_FILE_CORRUPT', /onnx\/weights\.data.*191 bytes.*needs 192/);
  });

  it.each(['../config.json', '/etc/hostname', 'a/../../../b'])('at %s is refused', async (location) => {
    const folder = copyOf('bert-cls');
    mkdirSync(path.join(folder, 'onnx/a'));
    writeExternal(folder, location);
    await expectRefusal(folder, 'E_MODEL_UNSUPPORTED', /outside/);
  });
});
