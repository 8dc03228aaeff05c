// Colours for people, and only for them: a terminal that has colours and a reader who did not set NO_COLOR.
import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan';

export type Paint = (style: Style, text: string) => string;

/** For files. */
export const PLAIN: Paint = (_, text) => text;

/** Leaves text as it is where the stream is no terminal with colours. */
export function paintFor(stream: NodeJS.WritableStream): Paint {
  // Only a tty.WriteStream has hasColors(); it knows NO_COLOR, NODE_DISABLE_COLORS and TERM=dumb.
  const coloured = 'hasColors' in stream && typeof stream.hasColors === 'function' && stream.hasColors() === true;
  return coloured ? (style, text) => styleText(style, text, { validateStream: false }) : PLAIN;
}
