// The supervisor's side of one inference child: starts it, gives it batches, notices that it died or hangs, and
// stops it.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { EmbedqError, fail } from '../errors.js';
import type { ModelDescription } from '../models/description.js';
import type { LoadFailedReply, LoadRequest, RunFailedReply } from './child-protocol.js';
import {
  decodeValue,
  decodeVectors,
  encodeRun,
  encodeValue,
  FRAME_KINDS,
  type Frame,
  FrameAssembler,
} from './frames.js';
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

/** A pipe to a child is a socket, which has ref and unref; the stream type does not say so. */
type UnrefableDuplex = Duplex & { ref(): void; unref(): void };

interface PendingBatch {
  readonly resolve: (result: BatchVectors) => void;
  readonly reject: (error: Error) => void;
}

export class InferenceChild {
  /** In the order they were sent, which is the order they are computed in. */
  readonly #pending = new Map<number, PendingBatch>();
  readonly #process: ChildProcess;
  /** null: the process could not even be started. */
  readonly #pipe: UnrefableDuplex | null;
  readonly #batchTimeoutMs: number;
  #nextBatchId = 1;
  #hangTimer: NodeJS.Timeout | null = null;
  #stderrTail = '';
  #died: string | null = null;
  #killReason: string | null = null;
  /** Settles when the process is gone. */
  readonly exited: Promise<string>;

  private constructor(settings: InferenceChildSettings) {
    this.#batchTimeoutMs = settings.batchTimeoutMs;
    // Never `detached`: a session of its own would be an autogroup of its own, and niceness only counts within one.
    this.#process = spawn(process.execPath, [fileURLToPath(settings.entry)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    // First of all: where not even a process can be had, this is the only word about it.
    this.exited = new Promise((resolve) => {
      const ended = (reason: string) => {
        if (this.#died !== null) return;
        this.#died = reason;
        this.#failPending(reason);
        resolve(reason);
      };
      this.#process.once('error', (error) => ended(error.message));
      // Not 'exit': what the process said last may come after it.
      this.#process.once('close', (code, signal) => ended(this.#exitReason(code, signal)));
    });
    // Cast: the fourth entry of stdio is 'pipe', a socket that is read and written; without a process there is none.
    this.#pipe = (this.#process.stdio?.[3] as UnrefableDuplex | undefined) ?? null;
    // Broken means that the process is gone or going; its exit says why.
    this.#pipe?.on('error', () => this.#process.kill('SIGKILL'));
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderrTail = (this.#stderrTail + chunk.toString('utf8')).slice(-STDERR_TAIL_BYTES);
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

  /** True where it ended without having been given anything to compute. */
  get diedUnused(): boolean {
    return this.#died !== null && this.#nextBatchId === 1;
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
      this.#pipe?.write(encodeRun(batchId, rows));
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
    this.#pipe?.end();
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
      const assembler = new FrameAssembler((frame) => {
        if (frame.kind === FRAME_KINDS.ready) {
          clearTimeout(timer);
          this.#letEventLoopEnd();
          resolve();
        } else if (frame.kind === FRAME_KINDS.loadFailed) {
          clearTimeout(timer);
          const { code, message, details } = decodeValue<LoadFailedReply>(frame.payload);
          reject(new EmbedqError(code, message, details));
        } else {
          this.#answer(frame);
        }
      });
      this.#pipe?.on('data', (chunk: Buffer) => {
        try {
          assembler.push(chunk);
        } catch (error) {
          this.kill(`it sent what is no frame (${(error as Error).message})`);
        }
      });
      const { model, threads, niceness } = settings;
      const request: LoadRequest = { model, threads, niceness };
      this.#pipe?.write(encodeValue(FRAME_KINDS.load, request));
    });
  }

  #answer(frame: Frame): void {
    if (frame.kind === FRAME_KINDS.vectors) {
      const { batchId, ...result } = decodeVectors(frame.payload);
      this.#settle(batchId)?.resolve(result);
    } else if (frame.kind === FRAME_KINDS.runFailed) {
      const { batchId, problem } = decodeValue<RunFailedReply>(frame.payload);
      this.#settle(batchId)?.reject(fail('E_INFERENCE_FAILED', { problem }));
    } else {
      throw fail('E_INTERNAL', { problem: `an inference frame of kind ${frame.kind}` });
    }
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
    this.#pipe?.ref();
  }

  #letEventLoopEnd(): void {
    this.#process.unref();
    this.#pipe?.unref();
    // Cast: as for the pipe.
    (this.#process.stderr as unknown as UnrefableDuplex | null)?.unref();
  }
}
