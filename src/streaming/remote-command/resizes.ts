import type { Readable } from 'node:stream'
import type { TerminalSize } from '../session.ts'

/** An object with two numbers is far smaller than this, in characters. */
const maxObject = 1024

/**
 * The terminal sizes in a stream of JSON objects, {"Width":80,"Height":24}, one after the other, with or without space
 * between. Ends with the stream, also when it breaks; what is no size is passed over, what is no JSON ends it.
 */
export async function* readResizes(stream: Readable): AsyncGenerator<TerminalSize, void, undefined> {
  let text = ''
  try {
    for await (const chunk of stream) {
      text += (chunk as Buffer).toString('latin1')
      for (let end = text.indexOf('}'); end !== -1; end = text.indexOf('}')) {
        const size = parseSize(text.slice(0, end + 1))
        text = text.slice(end + 1)
        if (size) yield size
      }
      if (text.length > maxObject) return
    }
  } catch {
    // The client has gone, or sent nonsense: there are no more sizes.
  }
}

function parseSize(json: string): TerminalSize | undefined {
  const value: unknown = JSON.parse(json)
  const [width, height] = [numberIn(value, 'Width'), numberIn(value, 'Height')]
  return width === undefined || height === undefined ? undefined : { width, height }
}

/** A size of the terminal: the kernel has 16 bits for it (struct winsize). */
function numberIn(value: unknown, name: string): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const found = Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
  return Number.isInteger(found) && found >= 0 && found <= 0xffff ? found : undefined
}
