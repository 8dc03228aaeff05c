// NumPy's .npy, version 1.0: a header that says the shape, then the floats row by row. Its size is fixed here, so
// that the number of rows can be put in after the last one was written.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

/** A multiple of 64, as the format wants; the longest shape that fits has 20 digits a number. */
export const NPY_HEADER_BYTES = 128;

/** The header of little-endian float32 [rows, columns]. */
export function npyHeader(rows: number, columns: number): Uint8Array {
  const header = Buffer.alloc(NPY_HEADER_BYTES, ' ', 'latin1');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(NPY_HEADER_BYTES - 10, 8);
  header.write(`{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`, 10, 'latin1');
  header.write('\n', NPY_HEADER_BYTES - 1, 'latin1');
  return header;
}

/** The bytes of vectors, one after the other. Every platform that embedq runs on is little-endian. */
export function npyRows(vectors: readonly Float32Array[]): Uint8Array {
  return Buffer.concat(vectors.map((vector) => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)));
}
