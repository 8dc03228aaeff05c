import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatManifest, readManifest, verifyFiles } from './manifest.js';
import { BUNDLED_MODEL_ID, resolveFolder, resolveModel } from './resolve.js';

const bundledDir = path.resolve(import.meta.dirname, '../../models');
const BUNDLED = path.join(bundledDir, 'all-MiniLM-L6-v2');

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'embedq-resolve-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function places(changes: { localDir?: string | null; variant?: string | null } = {}) {
  return { bundledDir, cacheDir: path.join(root, 'cache'), localDir: null, variant: null, ...changes };
}

function entry(changes: { modelId?: string; revision?: string } = {}) {
  return { alias: 'minilm', modelId: BUNDLED_MODEL_ID, revision: 'default', dim: 384, maxSeq: 256, ...changes };
}

function repositoryIn(store: string, modelId: string, revision: string): string {
  const folder = path.join(root, store, modelId, revision);
  mkdirSync(folder, { recursive: true });
  return folder;
}

describe('resolveModel', () => {
  it('takes the bundled model where nothing else is, as int8', async () => {
    const found = await resolveModel(entry(), places());
    expect(found).toMatchObject({ folder: BUNDLED, source: 'bundled', defaultVariant: 'int8' });
    expect(found.tried).toHaveLength(2);
  });

  it("takes the bundled model by its manifest's revision, and by no other", async () => {
    const revision = (await readManifest(BUNDLED))?.revision ?? '';
    expect(await resolveModel(entry({ revision }), places())).toMatchObject({ source: 'bundled' });
    await expect(resolveModel(entry({ revision: 'v2' }), places())).rejects.toMatchObject({
      code: 'E_MODEL_NOT_FOUND',
    });
  });

  it('prefers LOCAL_MODELS_DIR to the cache, and the cache to the bundled model', async () => {
    const cached = repositoryIn('cache', BUNDLED_MODEL_ID, 'default');
    expect(await resolveModel(entry(), places())).toMatchObject({
      folder: cached,
      source: 'cache',
      defaultVariant: 'fp32',
    });
    const local = repositoryIn('local', BUNDLED_MODEL_ID, 'default');
    const localDir = path.join(root, 'local');
    expect(await resolveModel(entry(), places({ localDir }))).toMatchObject({ folder: local, source: 'local' });
  });

  it('lists every place where it looked', async () => {
    const localDir = path.join(root, 'local');
    const missing = entry({ modelId: 'someone/else' });
    await expect(resolveModel(missing, places({ localDir }))).rejects.toMatchObject({
      code: 'E_MODEL_NOT_FOUND',
      message: expect.stringMatching(
        /local\/someone\/else\/default, .*cache\/someone\/else\/default, .*comes with embedq/,
      ),
    });
  });

  it('never climbs out of a store', async () => {
    repositoryIn('', 'outside', 'default');
    await expect(resolveModel(entry({ modelId: '../outside' }), places())).rejects.toMatchObject({
      code: 'E_MODEL_NOT_FOUND',
    });
  });
});

describe('resolveFolder', () => {
  it('takes a folder as it is, with the default variant of its manifest', async () => {
    expect(await resolveFolder(root)).toMatchObject({ folder: root, source: 'folder', defaultVariant: 'fp32' });
    expect(await resolveFolder(BUNDLED)).toMatchObject({ defaultVariant: 'int8' });
    await expect(resolveFolder(path.join(root, 'none'))).rejects.toMatchObject({ code: 'E_MODEL_NOT_FOUND' });
  });
});

describe('the manifest', () => {
  it('is written as it is read', async () => {
    const manifest = await readManifest(BUNDLED);
    if (manifest === null) throw new Error('the bundled model has no manifest.json');
    expect(formatManifest(manifest)).toBe(readFileSync(path.join(BUNDLED, 'manifest.json'), 'utf8'));
    expect(await readManifest(root)).toBeNull();
  });

  it('is refused where a field is wrong or unknown, naming it', async () => {
    const json = JSON.parse(readFileSync(path.join(BUNDLED, 'manifest.json'), 'utf8'));
    json.variants.int8.fingerprint = 'short';
    writeFileSync(path.join(root, 'manifest.json'), JSON.stringify(json));
    await expect(readManifest(root)).rejects.toMatchObject({
      code: 'E_MODEL_FILE_CORRUPT',
      message: expect.stringContaining('variants.int8.fingerprint'),
    });
  });

  it('finds a file that is changed, missing, or not listed', async () => {
    const copy = path.join(root, 'copy');
    cpSync(BUNDLED, copy, { recursive: true });
    const manifest = await readManifest(copy);
    if (manifest === null) throw new Error('the copy has no manifest.json');
    const hashes = await verifyFiles(copy, manifest, ['modules.json', 'config.json']);
    expect(hashes).toMatchObject({ 'modules.json': manifest.files['modules.json'] });
    const text = readFileSync(path.join(copy, 'config.json'), 'utf8');
    writeFileSync(path.join(copy, 'config.json'), text.replace('bert', 'berT'));
    await expect(verifyFiles(copy, manifest, ['config.json'])).rejects.toMatchObject({
      code: 'E_MODEL_FILE_CORRUPT',
      details: { file: 'config.json' },
    });
    rmSync(path.join(copy, 'modules.json'));
    await expect(verifyFiles(copy, manifest, ['modules.json'])).rejects.toMatchObject({ code: 'E_MODEL_FILE_MISSING' });
    await expect(verifyFiles(copy, manifest, ['new.json'])).rejects.toMatchObject({ code: 'E_MODEL_FILE_CORRUPT' });
  });
});
