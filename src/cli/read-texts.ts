// Texts from a file or stdin, one after the other: .txt has a text a line, .jsonl a JSON string or an object with
// "text" a line. Reads with flat memory and refuses a bad line by its number.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fail } from '../errors.js';
import { readProblem } from './file-problem.js';

export type InputFormat = 'txt' | 'jsonl';

export interface TextRow {
  readonly text: string;
  /** Bytes of the input up to and including this line. */
  readonly endOffset: number;
  /** Where it stands in a file, for messages; not known for a text of the command line. */
  readonly origin?: { readonly file: string; readonly line: number };
}

export interface TextSource {
  /** For messages. */
  readonly name: string;
  /** null: not known, as with a pipe. */
  readonly sizeBytes: number | null;
  /** Bytes, in pieces of any size. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Stops reading, also in the middle of a read that waits. */
  close(): void;
}

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Opens a file; `-` is stdin.
 * @throws E_FILE_UNREADABLE
 */
export async function openTextSource(file: string): Promise<TextSource> {
  if (file === '-') return streamSource('stdin', null, process.stdin);
  try {
    const handle = await open(file, 'r');
    const found = await handle.stat();
    if (found.isDirectory()) {
      await handle.close();
      throw new Error('it is a folder');
    }
    const stream = createReadStream(file, { fd: handle, highWaterMark: READ_BYTES });
    return streamSource(file, found.isFile() ? found.size : null, stream);
  } catch (error) {
    throw fail('E_FILE_UNREADABLE', { file, problem: readProblem(file, error) }, { cause: error });
  }
}

function streamSource(name: string, sizeBytes: number | null, stream: Readable): TextSource {
  return { name, sizeBytes, chunks: readable(name, stream), close: () => stream.destroy() };
}

async function* readable(name: string, stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw fail('E_FILE_UNREADABLE', { file: name, problem: readProblem(name, error) }, { cause: error });
  }
}

/**
 * The texts of a source, in order. An empty line of a .txt is an empty text; a blank line of a .jsonl is skipped.
 * @param format null: by the name's ending, else by the first line (an object with a string "text" means jsonl)
 * @throws E_INPUT_ROW_INVALID with the line's number
 */
export async function* readTexts(
  source: TextSource,
  format: InputFormat | null,
  maxLineBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<TextRow> {
  let known = format ?? formatByName(source.name);
  for await (const { bytes, number, endOffset } of readLines(source, maxLineBytes)) {
    const origin = { file: source.name, line: number };
    const invalid = (problem: string) => fail('E_INPUT_ROW_INVALID', { ...origin, problem });
    if (!isUtf8(bytes)) throw invalid('it is not valid UTF-8');
    const line = bytes.toString('utf8');
    known ??= looksLikeJsonl(line) ? 'jsonl' : 'txt';
    if (known === 'txt') {
      yield { text: line, endOffset, origin };
    } else if (line.trim() !== '') {
      yield { text: textOfJson(line, invalid), endOffset, origin };
    }
  }
}

function formatByName(name: string): InputFormat | null {
  if (/\.(jsonl|ndjson)$/i.test(name)) return 'jsonl';
  return /\.txt$/i.test(name) ? 'txt' : null;
}

function looksLikeJsonl(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    return hasText(JSON.parse(line));
  } catch {
    return false;
  }
}

function hasText(value: unknown): value is { text: string } {
  return typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string';
}

function textOfJson(line: string, invalid: (problem: string) => Error): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw invalid(`it is not valid JSON (${(error as Error).message})`);
  }
  if (typeof value === 'string') return value;
  if (hasText(value)) return value.text;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    throw invalid('text' in value ? 'its "text" is not a string' : 'the object has no "text"');
  }
  throw invalid(`it is ${Array.isArray(value) ? 'an array' : JSON.stringify(value).slice(0, 40)}`);
}

interface Line {
  /** Without its line end. */
  readonly bytes: Buffer;
  /** From 1. */
  readonly number: number;
  readonly endOffset: number;
}

/** Lines end at LF or CR LF; the last needs no end. A byte order mark at the beginning is left out. */
async function* readLines(source: TextSource, maxLineBytes: number): AsyncGenerator<Line> {
  let number = 0;
  let offset = 0;
  // The pieces of a line that began in an earlier chunk; joined once, so that a long line costs no square time.
  let begun: Buffer[] = [];
  let begunBytes = 0;

  const takeLine = (tail: Buffer): Line => {
    number++;
    let bytes = begun.length === 0 ? tail : Buffer.concat([...begun, tail]);
    begun = [];
    begunBytes = 0;
    if (bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
    if (number === 1 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) bytes = bytes.subarray(3);
    return { bytes, number, endOffset: offset };
  };
  const refuseLongLine = (bytes: number) => {
    if (bytes <= maxLineBytes) return;
    const problem = `the line is longer than ${maxLineBytes} bytes, the limit`;
    throw fail('E_INPUT_ROW_INVALID', { file: source.name, line: number + 1, problem });
  };

  for await (const piece of source.chunks) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      refuseLongLine(begunBytes + end - start);
      offset += end + 1 - start;
      yield takeLine(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) {
      begun.push(chunk.subarray(start));
      begunBytes += chunk.length - start;
      offset += chunk.length - start;
      refuseLongLine(begunBytes);
    }
  }
  if (begunBytes > 0) yield takeLine(Buffer.alloc(0));
}
