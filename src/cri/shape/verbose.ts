/** The `info` of a verbose answer: one JSON document under the key `info`, as the other runtimes have it. */
export function verboseInfo(verbose: boolean, info: () => object): { readonly info: Record<string, string> } {
  return { info: verbose ? { info: JSON.stringify(info(), bigintAsText) } : {} }
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
