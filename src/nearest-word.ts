// The nearest known word to one that was mistyped.

/** The known word that takes the fewest edits, or null where none is near enough to be what was meant. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let fewest = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const edits = editDistance(word, candidate);
    if (edits < fewest) {
      best = candidate;
      fewest = edits;
    }
  }
  return best ?? known.find((candidate) => word.length >= 3 && candidate.startsWith(word)) ?? null;
}

/** "…; did you mean X?", or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const suggestion = nearest(word, known);
  return suggestion === null ? '' : `; did you mean ${suggestion}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(from: string, to: string): number {
  const width = to.length + 1;
  const table = new Uint16Array((from.length + 1) * width);
  const at = (row: number, column: number) => table[row * width + column] ?? 0;
  for (let row = 0; row <= from.length; row++) {
    for (let column = 0; column <= to.length; column++) {
      let edits = Math.max(row, column);
      if (row > 0 && column > 0) {
        const same = from[row - 1] === to[column - 1];
        edits = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + (same ? 0 : 1));
        const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
        if (swapped) edits = Math.min(edits, at(row - 2, column - 2) + 1);
      }
      table[row * width + column] = edits;
    }
  }
  return at(from.length, to.length);
}
