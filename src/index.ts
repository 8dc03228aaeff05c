// The library: `import { createEmbedder, embedTexts } from 'embedq'`.
export type { BackendStatus } from './contracts/backend.js';
export type { Embedder, ServiceLimits } from './contracts/embedder.js';
export type { EmbedInput, EmbedOptions, EmbedResult, ModelFailure, ModelResult } from './contracts/embedding.js';
export type { Lane, Profile } from './contracts/lane.js';
export type { Logger } from './contracts/log.js';
export type { ModelEntry, ModelInfo } from './contracts/model.js';
export { EmbedqError, type ErrorCode } from './errors.js';
export { embedTexts } from './start/default-embedder.js';
export { createEmbedder, type EmbedderOptions, type FolderModel } from './start/embedder.js';
