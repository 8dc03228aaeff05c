import { expect, test } from 'vitest';
import { findUnknownVariables, inspectConfig, readConfig, SETTINGS } from './config.js';

function faultsOf(environment: Record<string, string>): string {
  const { config, faults } = inspectConfig({}, environment);
  expect(config).toBeNull();
  return faults.join('\n');
}

test('every default parses, and is a value that code may give', () => {
  const { models: _, ...defaults } = readConfig({});
  expect(inspectConfig({ overrides: defaults }, {})).toMatchObject({ faults: [], config: defaults });
});

test('an empty variable counts as unset', () => {
  const empty = Object.fromEntries(Object.values(SETTINGS).map(({ name }) => [name, ' ']));
  expect(readConfig(empty)).toEqual(readConfig({}));
});

test('wrong values and contradictions come in one list', () => {
  const faults = faultsOf({
    EMB_SESSIONS: 'two',
    LOG_LEVEL: 'loud',
    S3_ENDPOINT: 'ftp://x',
    EMB_STARTUP_PROBE: 'maybe',
    EMB_MODELS: 'a:me/a:default:8:64,b:me/b:default:8:8192',
    EMB_DEFAULT_RT_MODELS: 'c',
    EMB_DEFAULT_BULK_MODELS: 'd',
    EMB_MODEL_VARIANTS: 'e=int8',
    USE_LOCAL_MODELS: '1',
    MODELS_BUCKET: 'bucket',
  });
  expect(faults.split('\n').map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual([
    'S3_ENDPOINT',
    'EMB_SESSIONS',
    'EMB_STARTUP_PROBE',
    'LOG_LEVEL',
    'EMB_DEFAULT_RT_MODELS',
    'EMB_DEFAULT_BULK_MODELS',
    'EMB_MODEL_VARIANTS',
    'LOCAL_MODELS_DIR',
    'MODELS_BUCKET',
    'BATCH_MAX_TOKENS_RT',
  ]);
  expect(faults).toContain('"c" is not in EMB_MODELS (a, b)');
});

test('all faults of EMB_MODELS are named, and no check is made over models that did not parse', () => {
  const faults = faultsOf({ EMB_MODELS: 'A b:me/a:default:0:64,c', EMB_DEFAULT_RT_MODELS: 'x' });
  expect(faults).toMatch(/"A b" is not an alias.*0 is outside 1 to 1000000.*"c" has 1 parts/);
  expect(faults).not.toContain('EMB_DEFAULT_RT_MODELS');
});

test('a configured store is not used where local models are', () => {
  const store = { MODELS_BUCKET: 'b', S3_ENDPOINT: 'https://s3.invalid' };
  expect(readConfig({ ...store, USE_LOCAL_MODELS: '1', LOCAL_MODELS_DIR: '/models' }).modelsBucket).toBe('b');
  expect(faultsOf(store)).toMatch(/MODELS_BUCKET: .*\n.*S3_ENDPOINT: /);
});

test('values given in code are held to the same limits, under the names they were given by', () => {
  const overrides = {
    maxTextsPerCall: -3,
    sessions: 'x',
    startupProbe: 1,
    maxTextsPerCal: 3,
    defaultRtModels: ['nobody'],
    modelVariants: { 'A b': 'int8' },
    device: 'gpu',
  };
  const faults = inspectConfig({ overrides }, {}).faults.join('\n');
  expect(faults).toContain('config.maxTextsPerCall: -3 is outside 1 to 1000000');
  expect(faults).toContain('config.sessions: "x" is not an integer');
  expect(faults).toContain('config.startupProbe: 1 is not true or false');
  expect(faults).toContain('config.maxTextsPerCal: there is no such setting; did you mean maxTextsPerCall?');
  expect(faults).toContain('config.defaultRtModels: "nobody" is not in EMB_MODELS (minilm)');
  expect(faults).toContain('config.modelVariants: A b: "A b" is not an alias');
  expect(faults).toContain('config.device: "gpu" is not one of cpu');
});

test('a secret is in no message', () => {
  const { faults } = inspectConfig(
    { overrides: { s3SecretKey: 12345678, maxBodyBytes: 1 } },
    { S3_ACCESS_KEY: 'hush' },
  );
  expect(faults.join()).toContain('config.s3SecretKey: its value is not valid');
  expect(faults.join()).not.toMatch(/12345678|hush/);
});

test('a misspelt variable is noticed; those of other roles and programs are not', () => {
  const environment = {
    EMB_SESSION: 'hush',
    BATCH_ZZZZZZZZZZZZ: '1',
    EMB_MODEL_ID: 'x',
    PATH: '/bin',
    EMB_SESSIONS: '1',
  };
  expect(findUnknownVariables(environment)).toEqual([
    'BATCH_ZZZZZZZZZZZZ is set, but embedq reads no such variable',
    'EMB_SESSION is set, but embedq reads no such variable; did you mean EMB_SESSIONS?',
  ]);
});
