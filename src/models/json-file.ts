// Reads one JSON file of a model repository and checks its shape; faults name the file and the field.
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import { fail } from '../errors.js';
import { describeFaults } from './json-faults.js';

/** tokenizer.json of a large vocabulary has about 20 MB; nothing else comes near. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

/** What every reader of repository files needs to know. */
export interface RepositoryFolder {
  /** For messages. */
  readonly model: string;
  /** Absolute path. */
  readonly folder: string;
  /** Paths of the files that were read so far; readers add to it. */
  readonly filesRead: Set<string>;
}

/**
 * The file's content by `schema`, or null where there is no such file.
 * @throws E_MODEL_FILE_CORRUPT where it is not JSON, or not of that shape
 */
export async function readJsonIfPresent<Schema extends z.ZodType>(
  repository: RepositoryFolder,
  file: string,
  schema: Schema,
): Promise<z.output<Schema> | null> {
  const text = await readTextIfPresent(repository, file);
  return text === null ? null : parseJson(repository, file, text, schema);
}

/** As `readJsonIfPresent`, for a file that must be there. @throws E_MODEL_FILE_MISSING, E_MODEL_FILE_CORRUPT */
export async function readJson<Schema extends z.ZodType>(
  repository: RepositoryFolder,
  file: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const value = await readJsonIfPresent(repository, file, schema);
  if (value === null) throw fail('E_MODEL_FILE_MISSING', { model: repository.model, file });
  return value;
}

async function readTextIfPresent({ model, folder, filesRead }: RepositoryFolder, file: string): Promise<string | null> {
  const handle = await open(path.join(folder, file)).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null;
    throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem: `it cannot be opened (${cause.code})` }, { cause });
  });
  if (handle === null) return null;
  filesRead.add(file);
  try {
    const { size } = await handle.stat();
    if (size > MAX_JSON_BYTES) {
      throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem: `it has ${size} bytes, limit ${MAX_JSON_BYTES}` });
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

function parseJson<Schema extends z.ZodType>(
  { model }: RepositoryFolder,
  file: string,
  text: string,
  schema: Schema,
): z.output<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw fail(
      'E_MODEL_FILE_CORRUPT',
      { model, file, problem: `it is not JSON (${text.length} characters)` },
      { cause },
    );
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problem = describeFaults(parsed.error.issues, json);
  throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem });
}
