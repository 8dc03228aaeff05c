// The library as a user has it: `import … from 'embedq'`, real models, real inference processes.
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createEmbedder, type Embedder, EmbedqError } from 'embedq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { childrenOf, isRunning } from '../support/processes.js';
import { BUNDLED_MODEL_DIR, describeWithShared, sharedFile } from '../support/shared-files.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

const embedders: Embedder[] = [];
let cacheDir = '';

beforeAll(async () => {
  cacheDir = await mkdtemp(path.join(os.tmpdir(), 'embedq-library-'));
});
afterAll(() => rm(cacheDir, { recursive: true, force: true }));
afterEach(async () => {
  for (const embedder of embedders.splice(0).reverse()) await embedder.close();
});

async function open(options: Parameters<typeof createEmbedder>[0] = {}): Promise<Embedder> {
  const config = { modelsCacheDir: cacheDir, startupProbe: false, ...options.config };
  const embedder = await createEmbedder({ ...options, config });
  embedders.push(embedder);
  return embedder;
}

/** Runs a script as a user would write it, in a process of its own. */
function runScript(source: string, environment: Record<string, string> = {}) {
  return run(process.execPath, ['--input-type=module', '-e', source], {
    cwd: ROOT,
    env: { ...process.env, MODELS_CACHE_DIR: cacheDir, ...environment },
    timeout: 60_000,
  });
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}

const MIXED_TEXTS = Array.from({ length: 40 }, (_, i) => `sentence number ${i}, ${'and so on '.repeat((i * 7) % 50)}`);
const COMPARED_TEXT = 'the text whose bits are compared';

/** The same text at the front, in the middle and at the end of a mixed call, on both lanes. */
async function expectSameBitsEverywhere(embedder: Embedder): Promise<void> {
  const alone = (await embedder.embedTexts([COMPARED_TEXT])).vectors[0];
  for (const profile of ['rt', 'bulk'] as const) {
    for (const position of [0, 20, 40]) {
      const { vectors } = await embedder.embedTexts(MIXED_TEXTS.toSpliced(position, 0, COMPARED_TEXT), { profile });
      expect(vectors[position], `${profile}, position ${position}`).toEqual(alone);
    }
  }
}

describe('a script that calls embedTexts', () => {
  it('gets vectors with their identity, and ends by itself', async () => {
    const { stdout } = await runScript(`
      import { embedTexts } from 'embedq';
      const { modelResults, vectors, usedProfile, errors } = await embedTexts(['Hello world']);
      const { model, dim, fingerprint, variant } = modelResults[0];
      console.log(JSON.stringify({ model, dim, fingerprint, variant, usedProfile, errors, floats: vectors[0].length }));
    `);
    const manifest = JSON.parse(await readFile(path.join(BUNDLED_MODEL_DIR, 'manifest.json'), 'utf8'));
    expect(JSON.parse(stdout)).toEqual({
      model: 'minilm',
      dim: 384,
      fingerprint: manifest.variants.int8.fingerprint,
      variant: 'int8',
      usedProfile: 'rt',
      errors: [],
      floats: 384,
    });
  });

  it('hears of every fault of its configuration at once', async () => {
    const script = runScript(`import { embedTexts } from 'embedq'; await embedTexts(['x']);`, {
      EMB_MODELS: 'a:b:c:0:256,nonsense',
      EMB_SESSIONS: 'many',
      EMB_DEVICE: 'abacus',
    });
    const stderr = await script.then(
      () => '',
      (error: { stderr: string }) => error.stderr,
    );
    for (const name of ['EMB_MODELS', 'EMB_SESSIONS', 'EMB_DEVICE']) expect(stderr).toContain(`- ${name}: `);
    expect(stderr).toContain('"nonsense" has 1 parts');
  });
});

describe('vectors', () => {
  it('are the same bits alone, first, last and in the middle, on rt and on bulk (bundled int8)', async () => {
    await expectSameBitsEverywhere(await open());
  });

  it('come in the order of the texts, one for each, repeated or empty ones too', async () => {
    const embedder = await open();
    const texts = ['a', '', 'b', 'a', '\u0000', '\ud800', ...MIXED_TEXTS];
    const together = await embedder.embedTexts(texts, { profile: 'bulk' });
    expect(together.vectors).toHaveLength(texts.length);
    for (const [index, text] of texts.entries()) {
      const { vectors } = await embedder.embedTexts([text]);
      expect(together.vectors[index], `text ${index}`).toEqual(vectors[0]);
    }
  });

  it('are cut to the dimensions asked for, and normalised again', async () => {
    const embedder = await open();
    const whole = (await embedder.embedTexts(['Hello world'])).vectors[0] ?? new Float32Array();
    const result = await embedder.embedTexts(['Hello world'], { dimensions: 64 });
    const cut = result.vectors[0] ?? new Float32Array();
    const front = whole.subarray(0, 64);
    expect(result.modelResults[0]?.dim).toBe(64);
    expect(cut).toHaveLength(64);
    expect(Math.hypot(...cut)).toBeCloseTo(1, 6);
    expect(dot(cut, front) / Math.hypot(...front)).toBeCloseTo(1, 6);
    const tooMany = embedder.embedTexts(['x'], { dimensions: 385 });
    await expect(tooMany).rejects.toMatchObject({ code: 'E_DIMENSIONS_INVALID' });
  });

  it('say how many texts were cut; with truncate: false the numbers are in the refusal', async () => {
    const embedder = await open();
    const long = 'word '.repeat(400);
    const { modelResults } = await embedder.embedTexts(['short', long]);
    expect(modelResults[0]?.truncated).toBe(1);
    const refused = embedder.embedTexts(['short', long], { truncate: false });
    await expect(refused).rejects.toMatchObject({
      code: 'E_TEXT_TOO_LONG',
      message: 'Text 1 has 402 tokens, limit 256.',
    });
  });
});

describe('a call', () => {
  it('ends when its signal says so, and so do the texts that still wait', async () => {
    const embedder = await open();
    const controller = new AbortController();
    const texts = Array.from({ length: 20 }, () => MIXED_TEXTS).flat();
    const call = embedder.embedTexts(texts, { profile: 'bulk', signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(call).rejects.toMatchObject({ code: 'E_CANCELLED', retryable: true });
    expect(embedder.status()[0]?.lanes.bulk.waitingTexts).toBe(0);
    expect((await embedder.embedTexts(['still there'])).vectors).toHaveLength(1);
  });

  it('fails at its deadline, with the numbers, and computes nothing after it', async () => {
    const embedder = await open();
    const texts = Array.from({ length: 50 }, () => MIXED_TEXTS).flat();
    const call = embedder.embedTexts(texts, { profile: 'bulk', timeoutMs: 300 });
    await expect(call).rejects.toMatchObject({ code: 'E_DEADLINE_EXCEEDED', retryable: true });
    await expect(call).rejects.toThrow(/within 300 ms: \d+ of 2000 texts were still to be computed/);
    expect(embedder.status()[0]?.lanes.bulk.waitingTexts).toBe(0);
  });

  it('is refused honestly when the lane is full, and admitted again when it has drained', async () => {
    const embedder = await open({ config: { maxQueuedTexts: 100 } });
    const first = embedder.embedTexts(MIXED_TEXTS.concat(MIXED_TEXTS), { profile: 'bulk' });
    const refused = await embedder.embedTexts(MIXED_TEXTS, { profile: 'bulk' }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(EmbedqError);
    expect(refused).toMatchObject({ code: 'E_OVERLOADED', httpStatus: 429, retryable: true });
    expect(refused).toHaveProperty('retryAfterMs', expect.any(Number));
    expect((await first).vectors).toHaveLength(80);
    expect((await embedder.embedTexts(MIXED_TEXTS, { profile: 'bulk' })).vectors).toHaveLength(40);
  });

  it('with more texts than one call may have is computed in parts', async () => {
    const embedder = await open({ config: { maxTextsPerCall: 16, maxQueuedTexts: 64 } });
    const { vectors, modelResults } = await embedder.embedTexts(MIXED_TEXTS.concat(MIXED_TEXTS), { profile: 'bulk' });
    expect(vectors).toHaveLength(80);
    expect(vectors.slice(0, 40)).toEqual(vectors.slice(40));
    expect(modelResults[0]?.tokens).toBeGreaterThan(80);
  });

  it('is refused after close, which lets running calls end', async () => {
    const embedder = await open();
    const running = embedder.embedTexts(MIXED_TEXTS, { profile: 'bulk' });
    const closing = embedder.close();
    await expect(embedder.embedTexts(['x'])).rejects.toMatchObject({ code: 'E_CLOSED' });
    expect((await running).vectors).toHaveLength(40);
    await closing;
  });
});

describe('shared sessions (EMB_SESSIONS=1)', () => {
  it('give the same bits as pools, on both lanes, while both are busy', async () => {
    const pools = await open();
    const expected = (await pools.embedTexts(MIXED_TEXTS)).vectors;
    const shared = await open({ config: { sessions: 1 } });
    expect(shared.status()[0]?.mode).toBe('shared');
    const bulk = shared.embedTexts(MIXED_TEXTS, { profile: 'bulk' });
    const rt = await Promise.all(MIXED_TEXTS.slice(0, 10).map((text) => shared.embedTexts([text])));
    expect(rt.map(({ vectors }) => vectors[0])).toEqual(expected.slice(0, 10));
    expect((await bulk).vectors).toEqual(expected);
  });
});

describe('inference processes', () => {
  it('are killed at random, and nothing is lost or changed', async () => {
    const embedder = await open();
    const texts = Array.from({ length: 12 }, (_, i) => MIXED_TEXTS.map((text) => `${i} ${text}`)).flat();
    const expected = (await embedder.embedTexts(texts, { profile: 'bulk' })).vectors;
    let kills = 0;
    const killer = setInterval(async () => {
      const children = (await childrenOf(process.pid)).filter(({ command }) => command.includes('inference-child'));
      const victim = children[kills % Math.max(1, children.length)];
      if (victim === undefined || kills >= 4) return;
      kills += 1;
      process.kill(victim.pid, 'SIGKILL');
    }, 250);
    const results = [];
    for (let i = 0; i < 3 || kills < 2; i += 1) {
      results.push(await embedder.embedTexts(texts, { profile: i % 2 === 0 ? 'bulk' : 'rt' }));
    }
    clearInterval(killer);
    for (const { vectors, errors } of results) {
      expect(errors).toEqual([]);
      expect(vectors).toEqual(expected);
    }
    expect(kills).toBeGreaterThanOrEqual(2);
  });

  it('end with the process that started them, even if that is killed', async () => {
    const source = `
      import { createEmbedder } from 'embedq';
      const embedder = await createEmbedder();
      await embedder.embedTexts(['x']);
      console.log('ready');
      setInterval(() => {}, 1000);`;
    const script = spawn(process.execPath, ['--input-type=module', '-e', source], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, MODELS_CACHE_DIR: cacheDir },
    });
    await new Promise((resolve) => script.stdout.once('data', resolve));
    const children = await childrenOf(script.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);
    script.kill('SIGKILL');
    for (const { pid } of children) {
      await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
    }
  });
});

describeWithShared('models of all kinds', () => {
  it('are the same bits in every batch for fp32 too', async () => {
    const model = { folder: sharedFile('models/all-MiniLM-L6-v2'), alias: 'full', maxSeq: 256 };
    await expectSameBitsEverywhere(await open({ models: [model] }));
  });

  it('answer side by side; one that is not served fails alone', async () => {
    const embedder = await open({
      models: [
        { folder: sharedFile('models/tiny/bert-cls'), alias: 'one' },
        { folder: sharedFile('models/tiny/xlmr-cls-prompts'), alias: 'two' },
      ],
    });
    const result = await embedder.embedTexts(['x'], { models: ['two:query', 'one', 'three'] });
    expect(result.modelResults.map(({ model, promptName }) => [model, promptName])).toEqual([
      ['two:query', 'query'],
      ['one', null],
    ]);
    expect(result.errors).toMatchObject([{ model: 'three', code: 'E_MODEL_UNKNOWN' }]);
    const plain = await embedder.embedTexts(['x'], { models: ['two'] });
    expect(plain.vectors[0]).not.toEqual(result.vectors[0]);
    const named = await embedder.embedTexts(['x'], { models: ['two'], promptName: 'query' });
    expect(named.vectors[0]).toEqual(result.vectors[0]);
  });

  it('whose vectors depend on their batch are refused, unless they were named', async () => {
    const folder = path.join(cacheDir, 'dynamic');
    await mkdir(path.join(folder, 'onnx'), { recursive: true });
    const source = sharedFile('models/all-MiniLM-L6-v2');
    for (const name of ['config.json', 'modules.json', 'tokenizer.json', 'tokenizer_config.json', '1_Pooling']) {
      await cp(path.join(source, name), path.join(folder, name), { recursive: true });
    }
    await cp(path.join(source, 'onnx/model_quint8_avx2.onnx'), path.join(folder, 'onnx/model.onnx'));
    await expect(open({ models: [{ folder }] })).rejects.toMatchObject({ code: 'E_MODEL_BATCH_DEPENDENT' });
    const named = await open({ models: [{ folder, variant: 'onnx/model.onnx' }] });
    expect(named.models[0]?.batchInvariant).toBe(false);
    const { modelResults } = await named.embedTexts(['x']);
    expect(modelResults[0]?.warnings.join()).toContain('depend on which other texts share their batch');
  });

  it('are found under LOCAL_MODELS_DIR/<model_id>/<rev>/, and a wrong dim is refused with both numbers', async () => {
    const localModelsDir = path.join(cacheDir, 'local');
    await mkdir(path.join(localModelsDir, 'me/tiny'), { recursive: true });
    await symlink(sharedFile('models/tiny/bert-cls'), path.join(localModelsDir, 'me/tiny/v1'));
    const config = { useLocalModels: true, localModelsDir };
    const embedder = await open({ models: 'tiny:me/tiny:v1:32:64', config });
    expect(embedder.models[0]).toMatchObject({ source: 'local', dim: 32, maxSeq: 64 });
    const wrong = open({ models: 'tiny:me/tiny:v1:384:64', config });
    await expect(wrong).rejects.toThrow('makes vectors of 32 floats, configured are 384');
  });
});
