// The two embedders that client tests run over: the fake one, and the bundled model in real inference processes.
import type { Embedder } from '../../src/contracts/embedder.js';
import { createFakeEmbedder } from '../../src/gateway/testing/fake-embedder.js';
import { createEmbedder } from '../../src/start/embedder.js';

export interface EmbedderUnderTest {
  readonly name: string;
  readonly alias: string;
  readonly start: () => Promise<Embedder>;
}

export const EMBEDDERS: readonly EmbedderUnderTest[] = [
  { name: 'the fake embedder', alias: 'fake', start: async () => createFakeEmbedder() },
  { name: 'the bundled model', alias: 'minilm', start: () => createEmbedder() },
];
