// The shapes in which vectors leave the command line. Each is a stream: something before the first row, something
// for each group of rows, something after the last.
import type { ErrorCode } from '../errors.js';
import { vectorText } from '../float32-text.js';
import { fitToWidth, oneLine } from './display-width.js';
import { npyHeader, npyRows } from './npy.js';
import type { Paint } from './paint.js';

export const FORMATS = ['jsonl', 'json', 'npy', 'table'] as const;

export type FormatName = (typeof FORMATS)[number];

/** What one text came to. */
export interface ResultRow {
  /** Position in the input, from 0. */
  readonly index: number;
  readonly text: string;
  readonly model: string;
  readonly fingerprint: string;
  /** Which weights computed it. */
  readonly variant: string;
  /** null: this text failed alone, see `error`. */
  readonly vector: Float32Array | null;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
}

export interface FormatContext {
  /** Floats per vector. */
  readonly dim: number;
  /** null: not known before the end. */
  readonly rowCount: number | null;
  readonly paint: Paint;
}

export interface Format {
  readonly start: string | Uint8Array;
  rows(rows: readonly ResultRow[]): string | Uint8Array;
  end(): string;
  /** What has to be put in the place of `start` when the rows are counted; null: nothing. */
  correctedStart(rowCount: number): Uint8Array | null;
}

export function createFormat(name: FormatName, context: FormatContext): Format {
  switch (name) {
    case 'jsonl':
      return {
        start: '',
        rows: (rows) => rows.map((row) => `${rowAsJson(row)}\n`).join(''),
        end: () => '',
        correctedStart: () => null,
      };
    case 'json':
      return jsonFormat();
    case 'npy':
      return npyFormat(context);
    case 'table':
      return tableFormat(context);
  }
}

function rowAsJson(row: ResultRow): string {
  const { index, model, fingerprint, vector, error } = row;
  if (vector === null) return JSON.stringify({ index, model, error });
  const head = JSON.stringify({ index, model, dim: vector.length, fingerprint });
  return `${head.slice(0, -1)},"vector":${vectorText(vector)}}`;
}

function jsonFormat(): Format {
  let isFirst = true;
  return {
    start: '[',
    rows(rows) {
      return rows
        .map((row) => {
          const separator = isFirst ? '\n' : ',\n';
          isFirst = false;
          return separator + rowAsJson(row);
        })
        .join('');
    },
    end: () => (isFirst ? ']\n' : '\n]\n'),
    correctedStart: () => null,
  };
}

/** A text that failed has a row of NaN, so that row i stays text i. */
function npyFormat({ dim, rowCount }: FormatContext): Format {
  const missing = new Float32Array(dim).fill(Number.NaN);
  return {
    start: npyHeader(rowCount ?? 0, dim),
    rows: (rows) => npyRows(rows.map(({ vector }) => vector ?? missing)),
    end: () => '',
    correctedStart: (count) => (count === rowCount ? null : npyHeader(count, dim)),
  };
}

const TEXT_WIDTH = 40;
const SHOWN_FLOATS = 4;

function tableFormat({ dim, paint }: FormatContext): Format {
  const shown = Math.min(SHOWN_FLOATS, dim);
  const vectorWidth = shown * 9 + 1;
  let last: ResultRow | null = null;
  return {
    start: `${paint('bold', `    #  ${'text'.padEnd(TEXT_WIDTH)}  ${'vector begins'.padEnd(vectorWidth)}    norm`)}\n`,
    rows(rows) {
      last = rows.at(-1) ?? last;
      return rows
        .map((row) => {
          const head = `${String(row.index + 1).padStart(5)}  ${fitToWidth(row.text, TEXT_WIDTH)}`;
          if (row.vector === null) return `${head}  ${paint('red', row.error?.code ?? 'failed')}\n`;
          const floats = [...row.vector.subarray(0, shown)].map((value) => value.toFixed(4).padStart(8)).join(' ');
          const tail = row.vector.length > shown ? ' …' : '  ';
          return `${head}  ${floats}${tail}  ${Math.hypot(...row.vector).toFixed(4)}\n`;
        })
        .join('');
    },
    end() {
      if (last === null) return '';
      const facts = `${oneLine(last.model, 60)} (${last.variant}), ${dim} dimensions, fingerprint ${last.fingerprint}`;
      return `${paint('dim', facts)}\n`;
    },
    correctedStart: () => null,
  };
}
