// What createEmbedder refuses before it loads any model, and which models it would load.
import { expect, test } from 'vitest';
import { createEmbedder } from './embedder.js';
import { checkOptions } from './embedder-options.js';

const folders = [
  { folder: '/nowhere/t', alias: 'a' },
  { folder: '/nowhere/u', alias: 'b' },
] as const;

test.each([null, [], 'minilm'])('options that are %j are refused', async (options) => {
  // A caller without TypeScript.
  await expect(createEmbedder(options as never)).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
});

test('every fault of the options comes in one error', async () => {
  const options = {
    modles: [],
    models: [{ folder: 7 }, { folder: '/t', alias: 'A b:c', maxSeq: 1.5, variant: 1 }, { alias: 'c' }, { folder: '' }],
    only: [],
    config: { maxTextsPerCall: -3 },
    startBulkAtOnce: 'yes',
    log: {},
  };
  const error = await createEmbedder(options as never).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'E_CONFIG_INVALID' });
  for (const fault of [
    'modles: there is no such option; did you mean models?',
    'models[0].folder: 7 is not a string',
    'models[1].alias: "A b:c" is not an alias',
    'models[1].maxSeq: 1.5 is not an integer',
    'models[1].variant: 1 is not a string',
    'models[2]: modelId: undefined is not a string',
    'models[3].folder: it is empty',
    'only: it lists no alias',
    'config.maxTextsPerCall: -3 is outside 1 to 1000000',
    'startBulkAtOnce: "yes" is not true or false',
    'log: ',
  ]) {
    expect(String(error)).toContain(fault);
  }
});

test('at least one model is needed, and no alias twice', () => {
  expect(() => checkOptions({ models: [] })).toThrow('models: it lists no model');
  expect(() => checkOptions({ models: [folders[0], folders[0]] })).toThrow('models[1]: alias "a" is used twice');
});

test('only and the default models work over folders', () => {
  const { requests, config } = checkOptions({ models: folders, only: ['b'], config: { defaultRtModels: ['b'] } });
  expect(requests).toEqual([{ kind: 'folder', alias: 'b', folder: '/nowhere/u', variant: null, maxSeq: null }]);
  expect(config.defaultRtModels).toEqual(['b']);
  expect(() => checkOptions({ models: folders, config: { defaultBulkModels: ['c'] } })).toThrow(
    'config.defaultBulkModels: "c" is not among the models given (a, b)',
  );
  expect(() => checkOptions({ models: folders, only: ['c'] })).toThrow(/"c" is not served here; served: a, b/);
});
