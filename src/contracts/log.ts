// The part of a logger that embedq needs; pino's loggers fit as they are.

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

export interface Logger {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

/** For the library, which says nothing unless it is given a logger. */
export const SILENT: Logger = Object.freeze({ debug() {}, info() {}, warn() {}, error() {} });
