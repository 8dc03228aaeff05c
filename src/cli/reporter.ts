// What a command says besides its results, always on stderr: errors, warnings and notes, for people or as JSON.
import { type EmbedqError, toEmbedqError } from '../errors.js';
import { paintFor } from './paint.js';

export interface Reporter {
  /** Always shown. Anything thrown is fit. */
  error(thrown: unknown): void;
  /** Something the reader should know although the command went on. Silenced by --quiet. */
  warn(message: string): void;
  /** Good to know; for terminals only. Silenced by --quiet. */
  note(message: string): void;
}

export interface ReporterSettings {
  /** One JSON object a line instead of words. */
  readonly json: boolean;
  readonly quiet: boolean;
}

export function createReporter(stream: NodeJS.WritableStream, { json, quiet }: ReporterSettings): Reporter {
  const paint = paintFor(stream);
  const isTerminal = 'isTTY' in stream && stream.isTTY === true;
  return {
    error(thrown) {
      const error = toEmbedqError(thrown);
      stream.write(json ? `${JSON.stringify({ error: errorBody(error) })}\n` : errorInWords(error));
    },
    warn(message) {
      if (quiet) return;
      stream.write(
        json ? `${JSON.stringify({ warning: { message } })}\n` : `${paint('yellow', 'warning:')} ${message}\n`,
      );
    },
    note(message) {
      if (quiet || json || !isTerminal) return;
      stream.write(`${paint('dim', message)}\n`);
    },
  };

  function errorInWords(error: EmbedqError): string {
    const advice = error.advice.replaceAll('\n', '\n  ');
    return `${paint('red', 'error:')} ${error.message}\n  ${advice}  ${paint('dim', `(${error.code})`)}\n`;
  }
}

function errorBody(error: EmbedqError) {
  return {
    code: error.code,
    message: error.message,
    advice: error.advice,
    retryable: error.retryable,
    ...(error.retryAfterMs === null ? {} : { retry_after_ms: error.retryAfterMs }),
  };
}
