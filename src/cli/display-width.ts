// Text measured in terminal columns: Chinese, Japanese, Korean and emoji take two, combining marks none. And text
// made fit to show: one line, cut to a width, without anything that a terminal would obey.

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** East Asian Wide and Fullwidth blocks (Unicode Standard Annex 11), coarse: whole blocks. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{17000}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}])/u;
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u;

export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) || EMOJI.test(grapheme) ? 2 : 1;
}

/** One line of exactly `width` columns: cut with an ellipsis, or filled with blanks. */
export function fitToWidth(text: string, width: number): string {
  const line = oneLine(text, width);
  return line + ' '.repeat(Math.max(0, width - displayWidth(line)));
}

/** One line of at most `width` columns. Line ends and tabs become blanks, other control characters `·`. */
export function oneLine(text: string, width: number): string {
  let line = '';
  let used = 0;
  // No grapheme shown is made of more than a few dozen units: a long text need not be measured to its end.
  const head = text
    .slice(0, width * 32)
    .replace(/\s+/g, ' ')
    .trim();
  for (const { segment } of graphemes.segment(head.replace(/\p{Cc}/gu, '·'))) {
    const segmentWidth = graphemeWidth(segment);
    if (used + segmentWidth > width) {
      while (used > width - 1) {
        const last = [...graphemes.segment(line)].at(-1)?.segment ?? '';
        line = line.slice(0, line.length - last.length);
        used -= graphemeWidth(last);
      }
      return `${line}…`;
    }
    line += segment;
    used += segmentWidth;
  }
  return line;
}
