import { describe, expect, it } from 'vitest';
import { findModel } from './model-name.js';

const models = [
  { alias: 'minilm', modelId: 'sentence-transformers/all-MiniLM-L6-v2', prompts: {} },
  { alias: 'e5', modelId: 'intfloat/e5-small', prompts: { query: 'query: ', passage: 'passage: ' } },
];

describe('findModel', () => {
  it.each([
    ['minilm', { alias: 'minilm', promptName: null }],
    ['sentence-transformers/all-MiniLM-L6-v2', { alias: 'minilm', promptName: null }],
    ['e5:query', { alias: 'e5', promptName: 'query' }],
    ['intfloat/e5-small:passage', { alias: 'e5', promptName: 'passage' }],
  ])('understands %s', (name, found) => {
    expect(findModel(name, models)).toEqual(found);
  });

  it('refuses an unknown model and lists the known ones', () => {
    expect(() => findModel('gpt', models)).toThrow(/"gpt" is not served here; served: minilm, e5/);
    expect(() => findModel(':query', models)).toThrow(/not served/);
  });

  it('refuses an unknown prompt and lists the known ones', () => {
    expect(() => findModel('e5:doc', models)).toThrow(/no prompt "doc"; it has query, passage/);
    expect(() => findModel('e5:toString', models)).toThrow(/no prompt "toString"/);
    expect(() => findModel('minilm:query', models)).toThrow(/it has none/);
  });
});
