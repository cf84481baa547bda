/** A number out of a file of `key value` lines, as memory.stat and memory.events are; undefined when it has no such key. */
export function keyedValue(text: string | undefined, key: string): number | undefined {
  const at = `\n${text ?? ''}`.indexOf(`\n${key} `)
  if (text === undefined || at === -1) return undefined
  const from = at + key.length + 1
  const end = text.indexOf('\n', from)
  return Number(end === -1 ? text.slice(from) : text.slice(from, end))
}
