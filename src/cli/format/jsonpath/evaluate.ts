import type { JsonValue } from '@bufbuild/protobuf'
import { type Comparison, type Part, parseTemplate, type Step } from './parse.ts'

/** Fills a template of kubectl's JSONPath with what its paths find in `data`. What is not there is nothing. */
export function fillTemplate(template: string, data: JsonValue): string {
  return fill(parseTemplate(template), data)
}

function fill(parts: readonly Part[], data: JsonValue): string {
  return parts
    .map((part) => {
      if (part.kind === 'text') return part.text
      const found = walk([data], part.steps)
      return part.kind === 'path' ? found.map(textOf).join(' ') : found.map((item) => fill(part.body, item)).join('')
    })
    .join('')
}

function textOf(value: JsonValue): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '')
}

function walk(values: JsonValue[], steps: readonly Step[]): JsonValue[] {
  return steps.reduce((found, step) => found.flatMap((value) => take(value, step)), values)
}

function take(value: JsonValue, step: Step): JsonValue[] {
  switch (step.kind) {
    case 'field':
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name] as JsonValue] : []
    case 'index':
      return Array.isArray(value) ? value.slice(step.at, step.at === -1 ? undefined : step.at + 1) : []
    case 'slice':
      return Array.isArray(value) ? value.slice(step.from, step.to) : []
    case 'all':
      return childrenOf(value)
    case 'descend':
      return descendants(value)
    case 'union':
      return step.paths.flatMap((path) => walk([value], path))
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(walk([item], step.path), step.test)) : []
    default:
      return step satisfies never
  }
}

function passes(found: readonly JsonValue[], test: Comparison | undefined): boolean {
  if (!test) return found.length > 0
  const { operator, value } = test
  const [first] = found
  if (operator === '==' || operator === '!=') {
    const same = first !== undefined && (first === value || String(first) === String(value))
    return same === (operator === '==')
  }
  // Numbers of 64 bits are texts in the JSON of protobuf.
  const [a, b] = [Number(first), Number(value)]
  if (first === undefined || Number.isNaN(a) || Number.isNaN(b)) return false
  return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b
}

function descendants(value: JsonValue): JsonValue[] {
  return [value, ...childrenOf(value).flatMap(descendants)]
}

function childrenOf(value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return value
  return isObject(value) ? Object.values(value) : []
}

function isObject(value: JsonValue): value is Record<string, JsonValue> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
