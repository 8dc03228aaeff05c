// The progress bar on stderr while a file is embedded: share of the file, texts and tokens a second, time left.
// Where stderr is no terminal it draws nothing.
import { SingleBar } from 'cli-progress';

export interface Progress {
  /** Everything so far. */
  update(done: ProgressCounts): void;
  /** Takes the bar off the screen, so that what comes next starts on a clean line. */
  stop(): void;
}

export interface ProgressCounts {
  readonly texts: number;
  readonly tokens: number;
  /** Bytes of the input whose texts are answered. */
  readonly bytes: number;
}

export function createProgress(stream: NodeJS.WriteStream, sizeBytes: number | null, isQuiet: boolean): Progress {
  if (isQuiet || stream.isTTY !== true) return { update() {}, stop() {} };
  const startedAtMs = performance.now();
  const counts = '{texts} texts · {textRate} texts/s · {tokenRate} tokens/s';
  const bar = new SingleBar({
    stream,
    format: sizeBytes === null ? counts : `{bar} {percentage}% · ${counts} · {timeLeft} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 20,
    clearOnComplete: true,
    hideCursor: true,
    // Ctrl-C is the command's to handle.
    gracefulExit: false,
  });
  bar.start(sizeBytes ?? 1, 0, { texts: '0', textRate: '–', tokenRate: '–', timeLeft: '–' });
  return {
    update({ texts, tokens, bytes }) {
      const seconds = (performance.now() - startedAtMs) / 1000;
      bar.update(sizeBytes === null ? 0 : Math.min(bytes, sizeBytes), {
        texts: formatCount(texts),
        textRate: formatCount(texts / seconds),
        tokenRate: formatCount(tokens / seconds),
        timeLeft: sizeBytes === null || bytes === 0 ? '–' : formatDuration((seconds * (sizeBytes - bytes)) / bytes),
      });
    },
    stop: () => bar.stop(),
  };
}

/** `12,345` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `8 s`, `3 min 20 s`, `2 h 05 min` */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
