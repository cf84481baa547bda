const colours = ['#0b7285', '#e8590c', '#5f3dc4', '#2b8a3e', '#c92a2a', '#868e96']

/** The colour of an endpoint, by its place among them: the same in every chart. */
export const colourOf = (at: number): string => colours[at % colours.length] ?? '#000'

interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly size?: number
}

export function text(x: number, y: number, content: string, { anchor = 'start', size = 12 }: TextOptions = {}): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}">${escaped(content)}</text>`
}

/** A picture of these shapes, on white so that it can be read on any page. */
export function svg(width: number, height: number, shapes: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...shapes,
    '</svg>\n',
  ].join('\n')
}

const escaped = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
