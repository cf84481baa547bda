import { InvalidArgumentError, Option } from 'commander'
import { jsonPathPrefix } from './format/json.ts'

/** For `.option()`: a whole number that is not negative. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** For a repeatable `key=value` option: collects them. */
export function keyValue(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be written as key=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** For `.option()`: a regular expression. */
export function pattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    throw new InvalidArgumentError('It must be a regular expression.')
  }
}

/** `-o`: one of `formats`, the first being the default; where JSON is one, a template of kubectl's JSONPath is, too. */
export function outputOption(...formats: [string, ...string[]]): Option {
  const templates = formats.includes('json') ? ['jsonpath=TEMPLATE'] : []
  const all = [...formats, ...templates].join(', ')
  return new Option('-o, --output <format>', `output format: ${all}`).default(formats[0]).argParser((text) => {
    if (formats.includes(text) || (templates.length > 0 && text.startsWith(jsonPathPrefix))) return text
    throw new InvalidArgumentError(`The formats are ${all}.`)
  })
}
