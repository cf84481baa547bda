/** A number out of a file of `key value` lines, as memory.stat and memory.events are; undefined when it has no such key. */
export function keyedValue(text: string | undefined, key: string): number | undefined {
  const line = text?.split('\n').find((each) => each.startsWith(`${key} `))
  return line === undefined ? undefined : Number(line.slice(key.length + 1))
}
