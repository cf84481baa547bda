import { invalidArgument } from '../../../lib/errors.ts'

/** One step of a path, from a value to some of what is in it. */
export type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly at: number }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  /** `*` */
  | { readonly kind: 'all' }
  /** `..`: the value and all that is below it, at any depth. */
  | { readonly kind: 'descend' }
  /** What each of the paths finds, in their order. */
  | { readonly kind: 'union'; readonly paths: readonly (readonly Step[])[] }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly test?: Comparison }

export interface Comparison {
  readonly operator: '==' | '!=' | '<' | '<=' | '>' | '>='
  readonly value: string | number | boolean | null
}

/** A part of a template: text as it is, what a path finds, or a part that is repeated for each thing that a path finds. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly steps: readonly Step[] }
  | { readonly kind: 'range'; readonly steps: readonly Step[]; readonly body: readonly Part[] }

/**
 * Reads a template of kubectl's JSONPath (https://kubernetes.io/docs/reference/kubectl/jsonpath/): text with expressions in
 * braces. A template without braces is one expression. As there, a name in quotes that is one of several (`['a.b','c']`) is a path.
 *
 * @throws BerthError invalid-argument
 */
export function parseTemplate(template: string): Part[] {
  const source = template.includes('{') ? template : `{${template}}`
  const parts: Part[] = []
  const open: { readonly steps: readonly Step[]; readonly outer: Part[] }[] = []
  let current = parts
  for (let at = 0; at < source.length; ) {
    const start = source.indexOf('{', at)
    if (start !== at) current.push({ kind: 'text', text: source.slice(at, start === -1 ? undefined : start) })
    if (start === -1) break
    const end = endOfExpression(source, start)
    const expression = source.slice(start + 1, end).trim()
    at = end + 1
    if (expression === 'end') {
      const range = open.pop()
      if (!range) throw invalidArgument(`jsonpath: {end} without {range} in ${template}`)
      range.outer.push({ kind: 'range', steps: range.steps, body: current })
      current = range.outer
    } else if (/^range\s/.test(expression)) {
      open.push({ steps: parsePath(expression.slice(5).trim()), outer: current })
      current = []
    } else if (/^["']/.test(expression)) current.push({ kind: 'text', text: parseQuoted(expression) })
    else current.push({ kind: 'path', steps: parsePath(expression) })
  }
  if (open.length > 0) throw invalidArgument(`jsonpath: {range} without {end} in ${template}`)
  return parts
}

/** The closing brace, which may also stand inside of quotes. */
function endOfExpression(source: string, start: number): number {
  let quote: string | undefined
  for (let at = start + 1; at < source.length; at++) {
    const char = source[at]
    if (quote !== undefined) {
      if (char === '\\') at++
      else if (char === quote) quote = undefined
    } else if (char === '"' || char === "'") quote = char
    else if (char === '}') return at
  }
  throw invalidArgument(`jsonpath: a { is not closed in ${source}`)
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

function parseQuoted(text: string): string {
  const quote = text[0] ?? ''
  if (text.length < 2 || !text.endsWith(quote)) throw invalidArgument(`jsonpath: ${text} is not closed`)
  return text.slice(1, -1).replaceAll(/\\(.)/g, (_, char: string) => escapes[char] ?? char)
}

const name = /[^\s.[\]{}()=!<>'"*@$]+/y

/** A path such as `.items[*].metadata.name`, with or without `$` or `@` in front. */
export function parsePath(text: string): Step[] {
  const steps: Step[] = []
  let at = /^[$@]/.test(text) ? 1 : 0
  const fail = () => invalidArgument(`jsonpath: "${text}" is not a path from "${text.slice(at)}" on`)
  while (at < text.length) {
    if (text.startsWith('..', at)) {
      steps.push({ kind: 'descend' })
      at += text[at + 2] === '[' ? 2 : 1
      continue
    }
    if (text[at] === '[') {
      const end = endOfBracket(text, at)
      if (end === -1) throw fail()
      steps.push(parseBracket(text.slice(at + 1, end).trim()))
      at = end + 1
      continue
    }
    if (text[at] === '.') at++
    else if (at > 0) throw fail()
    if (at === text.length) break
    if (text[at] === '*') {
      steps.push({ kind: 'all' })
      at++
      continue
    }
    name.lastIndex = at
    const found = name.exec(text.replaceAll('\\.', '\u0000'.padEnd(2, '\u0000')))
    if (!found) throw fail()
    steps.push({ kind: 'field', name: found[0].replaceAll('\u0000\u0000', '.') })
    at += found[0].length
  }
  return steps
}

function endOfBracket(text: string, start: number): number {
  let depth = 0
  let quote: string | undefined
  for (let at = start; at < text.length; at++) {
    const char = text[at]
    if (quote !== undefined) {
      if (char === quote) quote = undefined
    } else if (char === '"' || char === "'") quote = char
    else if (char === '[') depth++
    else if (char === ']' && --depth === 0) return at
  }
  return -1
}

function parseBracket(text: string): Step {
  const parts = partsOf(text)
  if (parts.length === 1) return parseSelector(text)
  const path = (part: string) => (/^["']/.test(part) ? parsePath(`.${part.slice(1, -1)}`) : [parseSelector(part)])
  return { kind: 'union', paths: parts.map(path) }
}

/** What commas divide, but for those in quotes and parentheses. */
function partsOf(text: string): string[] {
  const parts = ['']
  let depth = 0
  let quote: string | undefined
  for (const char of text) {
    if (quote !== undefined) {
      if (char === quote) quote = undefined
    } else if (char === '"' || char === "'") quote = char
    else if (char === '(') depth++
    else if (char === ')') depth--
    if (char === ',' && quote === undefined && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts.map((part) => part.trim())
}

function parseSelector(text: string): Step {
  if (text === '*') return { kind: 'all' }
  if (/^["']/.test(text)) return { kind: 'field', name: parseQuoted(text) }
  if (/^-?\d+$/.test(text)) return { kind: 'index', at: Number(text) }
  const slice = /^(-?\d+)?:(-?\d+)?$/.exec(text)
  if (slice) return { kind: 'slice', from: numberOf(slice[1]), to: numberOf(slice[2]) }
  const filter = /^\?\(\s*(.+?)\s*\)$/.exec(text)
  if (filter) return parseFilter(filter[1] ?? '')
  throw invalidArgument(`jsonpath: [${text}] is no index, no slice and no filter`)
}

const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text))

function parseFilter(text: string): Step {
  const parts = /^(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)$/.exec(text)
  if (!parts) return { kind: 'filter', path: parsePath(text) }
  const [, path = '', operator, value = ''] = parts
  return {
    kind: 'filter',
    path: parsePath(path),
    test: { operator: operator as Comparison['operator'], value: parseValue(value) },
  }
}

function parseValue(text: string): Comparison['value'] {
  if (/^["']/.test(text)) return parseQuoted(text)
  if (text === 'null') return null
  if (text === 'true' || text === 'false') return text === 'true'
  const value = Number(text)
  if (text === '' || Number.isNaN(value)) throw invalidArgument(`jsonpath: ${text} is no value; texts are in quotes`)
  return value
}
