/** The values of a header that holds a list, with commas between. */
export function listOf(header: string | string[] | undefined): string[] {
  return [header ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '')
}

/** The first of what the client offers, in its order, that this side supports. */
export function negotiate<T extends string>(offered: readonly string[], supported: readonly T[]): T | undefined {
  for (const name of offered) {
    const match = supported.find((candidate) => candidate === name)
    if (match !== undefined) return match
  }
  return undefined
}
