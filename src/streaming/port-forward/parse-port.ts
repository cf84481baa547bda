/** A TCP port as text, 1 to 65535, or undefined when it is none. */
export function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port >= 1 && port <= 0xffff ? port : undefined
}
