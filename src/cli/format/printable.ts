/**
 * A text from outside as one line that cannot steer the terminal it is shown on: control characters, also those that turn the
 * direction of writing, are written out.
 */
export function printable(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .replaceAll('\t', ' ')
    .replaceAll(/[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (found) => {
      return `\\x${(found.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`
    })
}
