/** What a registry asks for in `WWW-Authenticate` (RFC 9110 §11.6.1): the scheme in lower case and its parameters. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const separator = /[ \t,]*/y
const quoted = /"((?:[^"\\]|\\.)*)"/y

/** Reads a `WWW-Authenticate` header, in which several challenges may stand; what cannot be read ends the reading. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(header)
    if (!match) return undefined
    at = pattern.lastIndex
    return match[1] ?? match[0]
  }
  for (;;) {
    take(separator)
    const word = take(token)
    if (word === undefined) return challenges
    const isParameter = header[at] === '='
    if (!isParameter) {
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() })
      continue
    }
    at++
    const value = header[at] === '"' ? take(quoted)?.replace(/\\(.)/g, '$1') : take(token)
    if (value === undefined) return challenges
    challenges.at(-1)?.parameters.set(word.toLowerCase(), value)
  }
}
