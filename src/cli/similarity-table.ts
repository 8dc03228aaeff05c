// Cosines between vectors, and their tables.
import { fitToWidth, oneLine } from './display-width.js';
import type { Paint } from './paint.js';

/** Row i, column j: the cosine of vectors i and j; a vector of zeros has cosine 0 with all. */
export function cosineMatrix(vectors: readonly Float32Array[]): Float64Array[] {
  const norms = vectors.map((vector) => Math.sqrt(dot(vector, vector)));
  return vectors.map((vector, row) =>
    Float64Array.from(vectors, (other, column) => {
      const scale = (norms[row] ?? 0) * (norms[column] ?? 0);
      return scale === 0 ? 0 : Math.max(-1, Math.min(1, dot(vector, other) / scale));
    }),
  );
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

/** `similarity 0.8312 between "…" and "…"` */
export function describePair(texts: readonly string[], cosines: readonly Float64Array[]): string {
  const [first, second] = texts.map((text) => `"${oneLine(text, 40)}"`);
  return `similarity ${formatCosine(cosines[0]?.[1])} between ${first} and ${second}\n`;
}

const LABEL_WIDTH = 32;
const CELL_WIDTH = 7;

/** A row and a column a text; columns carry the rows' numbers. The closest two are marked. */
export function describeTable(texts: readonly string[], cosines: readonly Float64Array[], paint: Paint): string {
  const numberWidth = String(texts.length).length;
  const head = texts.map((_, column) => String(column + 1).padStart(CELL_WIDTH)).join('');
  const closest = closestPair(cosines);
  const rows = texts.map((text, row) => {
    const label = `${String(row + 1).padStart(numberWidth)}  ${fitToWidth(text, LABEL_WIDTH)}`;
    const cells = Array.from(cosines[row] ?? [], (cosine, column) => {
      const cell = formatCosine(cosine).slice(0, -2).padStart(CELL_WIDTH);
      if (row === column) return paint('dim', cell);
      return closest.has(row) && closest.has(column) ? paint('bold', cell) : cell;
    });
    return `${label}${cells.join('')}\n`;
  });
  const [first, second] = [...closest].map((index) => index + 1);
  return `${' '.repeat(numberWidth + 2 + LABEL_WIDTH)}${head}\n${rows.join('')}closest: ${first} and ${second}\n`;
}

function closestPair(cosines: readonly Float64Array[]): Set<number> {
  let best = Number.NEGATIVE_INFINITY;
  let pair = new Set<number>();
  for (const [row, values] of cosines.entries()) {
    for (const [column, cosine] of values.subarray(0, row).entries()) {
      if (cosine <= best) continue;
      best = cosine;
      pair = new Set([column, row]);
    }
  }
  return pair;
}

/** Four digits, and no `-0.0000`. */
function formatCosine(cosine = 0): string {
  return (Math.round(cosine * 1e4) / 1e4 + 0).toFixed(4);
}
