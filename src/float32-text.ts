// The decimal text of a float32: as short as a reader that rounds to float32 allows, and fast. The gateway and the
// command line both write vectors with it, so that a vector reads the same everywhere.

/** The longest text of a float32, sign, point and exponent included, with room for a comma. */
export const MAX_FLOAT_BYTES = 24;
/** Digits that name any float32 (IEEE 754 binary32: 9 always suffice, 6 always survive, most need 7 or 8). */
const FEWEST_DIGITS = 7;
const MOST_DIGITS = 9;
/** Magnitudes written by integer arithmetic; what lies outside goes through toPrecision. */
const FIXED_POINT_FROM = 1e-6;
const FIXED_POINT_BELOW = 1e6;

const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

/** A vector as a JSON list of numbers, each as `writeFloat32` writes it. */
export function vectorText(vector: Float32Array): string {
  const target = Buffer.allocUnsafe(vector.length * MAX_FLOAT_BYTES + 2);
  let used = 0;
  target[used++] = OPENING_BRACKET;
  for (let index = 0; index < vector.length; index++) {
    if (index > 0) target[used++] = COMMA;
    used = writeFloat32(vector[index] ?? 0, target, used);
  }
  target[used++] = CLOSING_BRACKET;
  return target.toString('latin1', 0, used);
}

/**
 * Writes a float32 as a JSON number of at most 9 significant digits that reads back bit-equal
 * (`Math.fround(JSON.parse(text))`), and returns the offset behind it. Values that are not finite become `null`.
 *
 * d = round(|value| * 10^k) with 7, then 8, then 9 digits; d and 10^k (k <= 22) are exact doubles, so d / 10^k is
 * the correctly rounded double of the decimal text (W. Clinger, "How to Read Floating Point Numbers Accurately",
 * 1990) and rounding it to float32 tells whether a reader gets the value back. d stays below 2^30, so its digits
 * come from 32-bit integer arithmetic.
 */
export function writeFloat32(value: number, target: Uint8Array, offset: number): number {
  const magnitude = value < 0 ? -value : value;
  if (!(magnitude >= FIXED_POINT_FROM && magnitude < FIXED_POINT_BELOW)) return writeRare(value, target, offset);

  const exponent = decimalExponent(magnitude);
  for (let digits = FEWEST_DIGITS; digits <= MOST_DIGITS; digits++) {
    let decimals = digits - 1 - exponent;
    const scale = POWERS_OF_TEN[decimals] ?? 1;
    let scaled = Math.round(magnitude * scale);
    if (Math.fround(scaled / scale) !== magnitude) continue;
    while (decimals > 0 && scaled % 10 === 0) {
      scaled = (scaled / 10) | 0;
      decimals--;
    }
    let start = offset;
    if (value < 0) target[start++] = MINUS;
    return writeDecimal(scaled, decimals, target, start);
  }
  return writeRare(value, target, offset);
}

/** Writes `scaled / 10^decimals`; `scaled` is a positive integer below 2^30. */
function writeDecimal(scaled: number, decimals: number, target: Uint8Array, start: number): number {
  let digits = 1;
  while (digits < 10 && scaled >= (POWERS_OF_TEN[digits] ?? Infinity)) digits++;
  const whole = Math.max(digits - decimals, 1);
  const end = start + whole + (decimals > 0 ? decimals + 1 : 0);

  let rest = scaled;
  let at = end - 1;
  for (let written = 0; written < decimals; written++) {
    const next = (rest / 10) | 0;
    target[at--] = ZERO + rest - next * 10;
    rest = next;
  }
  if (decimals > 0) target[at--] = POINT;
  while (at >= start) {
    const next = (rest / 10) | 0;
    target[at--] = ZERO + rest - next * 10;
    rest = next;
  }
  return end;
}

/** floor(log10(magnitude)) for magnitudes from 1e-6 to below 1e6. */
function decimalExponent(magnitude: number): number {
  if (magnitude >= 1) {
    let exponent = 0;
    while (magnitude >= (POWERS_OF_TEN[exponent + 1] ?? Infinity)) exponent++;
    return exponent;
  }
  if (magnitude >= 0.1) return -1;
  if (magnitude >= 0.01) return -2;
  if (magnitude >= 0.001) return -3;
  if (magnitude >= 0.0001) return -4;
  return magnitude >= 0.00001 ? -5 : -6;
}

/** Zeros, very small and very large values, and what JSON has no number for. */
function writeRare(value: number, target: Uint8Array, offset: number): number {
  const text = rareText(value);
  for (let index = 0; index < text.length; index++) target[offset + index] = text.charCodeAt(index);
  return offset + text.length;
}

function rareText(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(MOST_DIGITS)));
}
