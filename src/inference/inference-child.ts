// The supervisor's side of one inference child: starts it, gives it batches, notices that it died or hangs, and
// stops it.
import { type ChildProcess, fork } from 'node:child_process';
import { EmbedqError, fail } from '../errors.js';
import type { ModelDescription } from '../models/description.js';
import type { FromChild, RunRequest } from './child-protocol.js';
import type { TokenRow } from './token-row.js';

/** Long enough for a model of some gigabytes from a slow disk. */
const LOAD_TIMEOUT_MS = 300_000;
/** What is kept of a child's stderr, to say why it died. */
const STDERR_TAIL_BYTES = 2_048;
/** A child that was asked to end gets this long before it is killed. */
const STOP_TIMEOUT_MS = 2_000;

export interface InferenceChildSettings {
  /** The script that runs `serveBatches`. */
  readonly entry: URL;
  readonly model: ModelDescription;
  readonly threads: number;
  readonly niceness: number;
  /** A batch that takes longer counts as a hang: the child is killed. */
  readonly batchTimeoutMs: number;
}

export interface BatchVectors {
  /** rows × dim floats. */
  readonly vectors: Float32Array;
  /** Milliseconds inside the child. */
  readonly computeMs: number;
}

/** The child ended before it answered. */
export class ChildDied extends Error {
  override readonly name = 'ChildDied';
  constructor(
    readonly reason: string,
    /** True where this batch was the one being computed; batches sent ahead were not. */
    readonly wasComputing: boolean,
  ) {
    super(`the inference process ended: ${reason}`);
  }
}

interface PendingBatch {
  readonly resolve: (result: BatchVectors) => void;
  readonly reject: (error: Error) => void;
}

export class InferenceChild {
  /** In the order they were sent, which is the order they are computed in. */
  readonly #pending = new Map<number, PendingBatch>();
  readonly #process: ChildProcess;
  readonly #batchTimeoutMs: number;
  #nextBatchId = 1;
  #hangTimer: NodeJS.Timeout | null = null;
  #stderrTail = '';
  #died: string | null = null;
  #killReason: string | null = null;
  /** Settles when the process is gone. */
  readonly exited: Promise<string>;
  residentBytesAtStart = 0;

  private constructor(settings: InferenceChildSettings) {
    this.#batchTimeoutMs = settings.batchTimeoutMs;
    // Never `detached`: a session of its own would be an autogroup of its own, and niceness only counts within one.
    this.#process = fork(settings.entry, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderrTail = (this.#stderrTail + chunk.toString('utf8')).slice(-STDERR_TAIL_BYTES);
    });
    this.exited = new Promise((resolve) => {
      const ended = (reason: string) => {
        if (this.#died !== null) return;
        this.#died = reason;
        this.#failPending(reason);
        resolve(reason);
      };
      this.#process.once('error', (error) => ended(error.message));
      this.#process.once('exit', (code, signal) => ended(this.#exitReason(code, signal)));
    });
  }

  /**
   * Starts a process and loads the model in it.
   * @throws what loading threw (E_MODEL_…), or E_INFERENCE_UNAVAILABLE where the process ended or took too long
   */
  static async start(settings: InferenceChildSettings): Promise<InferenceChild> {
    const child = new InferenceChild(settings);
    try {
      await child.#load(settings);
    } catch (error) {
      await child.stop();
      throw error;
    }
    return child;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get alive(): boolean {
    return this.#died === null && this.#killReason === null;
  }

  /** Batches sent and not yet answered. */
  get outstanding(): number {
    return this.#pending.size;
  }

  /**
   * Computes one batch. Batches sent while another runs wait in the child.
   * @throws ChildDied where the process ended before it answered; E_INFERENCE_FAILED where the runtime refused
   */
  run(rows: readonly TokenRow[]): Promise<BatchVectors> {
    if (!this.alive) return Promise.reject(new ChildDied(this.#died ?? this.#killReason ?? 'stopped', false));
    const batchId = this.#nextBatchId;
    this.#nextBatchId += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(batchId, { resolve, reject });
      if (this.#pending.size === 1) this.#watchForHang();
      this.#keepEventLoopAlive();
      this.#process.send(packRows(batchId, rows), (error) => {
        // The exit event tells the same with a better reason; this covers a channel that closed first.
        if (error) this.kill(`its channel broke (${error.message})`);
      });
    });
  }

  /** Ends the process at once; what it was computing fails with ChildDied. */
  kill(reason: string): void {
    this.#killReason ??= reason;
    this.#process.kill('SIGKILL');
  }

  /** Ends the process, gently first. Settles when it is gone. */
  async stop(): Promise<void> {
    this.#killReason ??= 'stopped';
    if (this.#died !== null) return;
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#process.ref();
    await this.exited;
    clearTimeout(timer);
  }

  #load(settings: InferenceChildSettings): Promise<void> {
    return new Promise((resolve, reject) => {
      const unavailable = (reason: string): EmbedqError =>
        fail('E_INFERENCE_UNAVAILABLE', { model: settings.model.name, reason });
      const timer = setTimeout(() => {
        this.kill(`it did not load the model within ${LOAD_TIMEOUT_MS} ms`);
      }, LOAD_TIMEOUT_MS);
      void this.exited.then((reason) => {
        clearTimeout(timer);
        reject(unavailable(`an inference process ended while it loaded the model: ${reason}`));
      });
      this.#process.on('message', (message: FromChild) => {
        switch (message.kind) {
          case 'ready':
            clearTimeout(timer);
            this.residentBytesAtStart = message.residentBytes;
            this.#letEventLoopEnd();
            resolve();
            return;
          case 'load_failed':
            clearTimeout(timer);
            reject(new EmbedqError(message.code, message.message, message.details));
            return;
          case 'vectors':
            this.#settle(message.batchId)?.resolve(message);
            return;
          case 'run_failed':
            this.#settle(message.batchId)?.reject(fail('E_INFERENCE_FAILED', { problem: message.problem }));
            return;
        }
      });
      const { model, threads, niceness } = settings;
      this.#process.send({ kind: 'load', model, threads, niceness }, (error) => {
        if (error) this.kill(`its channel broke (${error.message})`);
      });
    });
  }

  #settle(batchId: number): PendingBatch | undefined {
    const pending = this.#pending.get(batchId);
    this.#pending.delete(batchId);
    if (this.#pending.size === 0) {
      if (this.#hangTimer !== null) clearTimeout(this.#hangTimer);
      this.#hangTimer = null;
      this.#letEventLoopEnd();
    } else {
      this.#watchForHang();
    }
    return pending;
  }

  #watchForHang(): void {
    if (this.#hangTimer !== null) clearTimeout(this.#hangTimer);
    this.#hangTimer = setTimeout(
      () => this.kill(`it did not end a batch within ${this.#batchTimeoutMs} ms`),
      this.#batchTimeoutMs,
    );
  }

  #failPending(reason: string): void {
    if (this.#hangTimer !== null) clearTimeout(this.#hangTimer);
    this.#hangTimer = null;
    let wasComputing = true;
    for (const pending of this.#pending.values()) {
      pending.reject(new ChildDied(reason, wasComputing));
      wasComputing = false;
    }
    this.#pending.clear();
  }

  #exitReason(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit status ${code}` : `signal ${signal}`;
    const why = this.#killReason === null ? '' : `, ${this.#killReason}`;
    const said = this.#stderrTail.trim();
    return `${how}${why}${said === '' ? '' : `; it said: ${said}`}`;
  }

  // An idle child must not keep a script alive that has nothing left to do; one with work must.
  #keepEventLoopAlive(): void {
    this.#process.ref();
    this.#process.channel?.ref();
  }

  #letEventLoopEnd(): void {
    this.#process.unref();
    this.#process.channel?.unref();
    // A pipe to a child is a socket, which has unref; the stream type does not say so.
    (this.#process.stderr as unknown as { unref?: () => void } | null)?.unref?.();
  }
}

function packRows(batchId: number, rows: readonly TokenRow[]): RunRequest {
  const lengths = Int32Array.from(rows, (row) => row.ids.length);
  const ids = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let start = 0;
  for (const row of rows) {
    ids.set(row.ids, start);
    start += row.ids.length;
  }
  const anyPrompt = rows.some((row) => row.promptTokens > 0);
  const promptTokens = anyPrompt ? Int32Array.from(rows, (row) => row.promptTokens) : null;
  return { kind: 'run', batchId, ids, lengths, promptTokens };
}
