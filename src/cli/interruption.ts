// Ctrl-C and its relatives. The first signal asks the command to stop and clean up; the second ends the process at
// once. A reader that goes away (`| head -1`) is an interruption too, and no failure.
import { constants } from 'node:os';

export interface Interruption {
  /** Aborted by the first signal, or when stdout's reader is gone. */
  readonly signal: AbortSignal;
  /** The exit code that the interruption stands for; null while there was none. */
  readonly exitCode: number | null;
  /** Runs when the process ends without having cleaned up; synchronous. Returns how to take it back. */
  onSuddenExit(action: () => void): () => void;
  /** Stops listening. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function listenForInterruption(stdout: NodeJS.WritableStream = process.stdout): Interruption {
  const controller = new AbortController();
  const suddenExitActions = new Set<() => void>();
  let exitCode: number | null = null;

  const onSignal = (name: NodeJS.Signals) => {
    // Shells report a process that a signal ended as 128 plus the signal's number: 130 for SIGINT, 143 for SIGTERM.
    const code = 128 + constants.signals[name];
    if (exitCode !== null) process.exit(code);
    exitCode = code;
    controller.abort(new Error(name));
  };
  const onStdoutError = (error: NodeJS.ErrnoException) => {
    // Whoever wrote gets every other error from the write itself.
    if (error.code !== 'EPIPE') return;
    exitCode ??= 0;
    controller.abort(error);
  };
  const onExit = () => {
    for (const action of suddenExitActions) action();
  };

  for (const name of SIGNALS) process.on(name, onSignal);
  stdout.on('error', onStdoutError);
  process.on('exit', onExit);

  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    onSuddenExit(action) {
      suddenExitActions.add(action);
      return () => suddenExitActions.delete(action);
    },
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
      process.off('exit', onExit);
      // The stdout listener stays: an EPIPE of the last write may still arrive.
    },
  };
}
