// A bounded reader of protobuf files by seeking: walks fields, reads small ones, skips large ones unread. Reads are
// synchronous: they happen once, when a model is opened, and touch a few hundred KiB of a file of any size.
// Wire format: https://protobuf.dev/programming-guides/encoding/
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface ProtobufField {
  readonly number: number;
  /** The number of a varint field; 0 for others. Exact up to 2^53. */
  readonly value: number;
  /** First byte of the content, and the byte after its last. */
  readonly start: number;
  readonly end: number;
}

const WINDOW_BYTES = 64 * 1024;
/** A name or a path; anything longer is not one. */
const MAX_STRING_BYTES = 64 * 1024;
/** A graph of an encoder has some thousand nodes with some ten fields each. */
const MAX_FIELDS = 20_000_000;

export class ProtobufFile {
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  #windowStart = 0;
  #windowEnd = 0;
  #position = 0;
  #fields = 0;

  private constructor(
    private readonly descriptor: number,
    readonly sizeBytes: number,
    private readonly fault: (problem: string) => Error,
  ) {}

  /** @param fault makes the error that is thrown for a file that is not right */
  static open(file: string, fault: (problem: string) => Error): ProtobufFile {
    const descriptor = openSync(file, 'r');
    return new ProtobufFile(descriptor, fstatSync(descriptor).size, fault);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  whole(): ProtobufField {
    return { number: 0, value: 0, start: 0, end: this.sizeBytes };
  }

  /** Calls `visit` for every field of a message. `visit` may walk into the field that it gets. */
  forEachField(message: ProtobufField, visit: (field: ProtobufField) => void): void {
    let at = message.start;
    while (at < message.end) {
      if (++this.#fields > MAX_FIELDS) throw this.fault(`it has more than ${MAX_FIELDS} fields`);
      this.#position = at;
      const key = this.#readVarint(message.end);
      const field = this.#readField(Math.floor(key / 8), key % 8, message.end);
      at = field.end;
      visit(field);
    }
  }

  readString(field: ProtobufField): string {
    const bytes = field.end - field.start;
    if (bytes > MAX_STRING_BYTES) throw this.fault(`a name at byte ${field.start} has ${bytes} bytes`);
    const content = Buffer.alloc(bytes);
    this.#position = field.start;
    for (let i = 0; i < bytes; i++) content[i] = this.#readByte(field.end);
    return content.toString('utf8');
  }

  #readField(number: number, wireType: number, end: number): ProtobufField {
    const start = this.#position;
    if (wireType === 0) {
      const value = this.#readVarint(end);
      return { number, value, start, end: this.#position };
    }
    let bytes: number;
    if (wireType === 1) bytes = 8;
    else if (wireType === 5) bytes = 4;
    else if (wireType === 2) bytes = this.#readVarint(end);
    else throw this.fault(`byte ${start} is no protobuf field (wire type ${wireType})`);
    const contentStart = this.#position;
    if (contentStart + bytes > end) {
      throw this.fault(
        `a field of ${bytes} bytes starts at byte ${contentStart}, but its message ends at ${end} (the file has ${this.sizeBytes} bytes): it is cut off or damaged`,
      );
    }
    return { number, value: 0, start: contentStart, end: contentStart + bytes };
  }

  /** Numbers above 2^53 (negative sizes, say) lose their last bits; none of them matters here. */
  #readVarint(end: number): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#readByte(end);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw this.fault(`byte ${this.#position} is no protobuf number`);
  }

  #readByte(end: number): number {
    if (this.#position >= end) throw this.fault(`a message ends in the middle of a field, at byte ${end}`);
    if (this.#position < this.#windowStart || this.#position >= this.#windowEnd) this.#moveWindow();
    const byte = this.#window[this.#position - this.#windowStart];
    if (byte === undefined) throw this.fault(`byte ${this.#position} could not be read`);
    this.#position++;
    return byte;
  }

  #moveWindow(): void {
    this.#windowStart = this.#position;
    this.#windowEnd = this.#position + readSync(this.descriptor, this.#window, 0, WINDOW_BYTES, this.#position);
    if (this.#windowEnd === this.#windowStart) throw this.fault(`byte ${this.#position} could not be read`);
  }
}
