import { type DescMessage, type JsonObject, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf'
import { stringify } from 'yaml'
import { fillTemplate } from './jsonpath/evaluate.ts'

/** A message as crictl shows it: camelCase names, enum values by name, 64-bit numbers as strings, defaults included. */
export function messageJson<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): JsonObject {
  return toJson(schema, message, { alwaysEmitImplicit: true }) as JsonObject
}

/**
 * The verbose `info` of a status answer: texts by topic, which are JSON as a rule. Topics become keys beside `status`, as
 * crictl has it; what is not a JSON object stays a text.
 */
export function infoJson(info: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(
    Object.entries(info)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([topic, text]) => [topic, text.startsWith('{') ? parseOrText(text) : text.replaceAll(/^"+|"+$/g, '')]),
  )
}

/** What the verbose `info` of Berth and of containerd tells under the topic `info`; empty when there is none. */
export function parseInfo({ info = '' }: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  const parsed = info.startsWith('{') ? parseOrText(info) : {}
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : {}
}

function parseOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return text
  }
}

/** What `-o` begins with when a template follows. */
export const jsonPathPrefix = 'jsonpath='

/** JSON or YAML text that ends with a newline, or what a JSONPath template makes of the data. */
export function formatData(data: JsonValue, format: string): string {
  if (format.startsWith(jsonPathPrefix)) {
    return fillTemplate(format.slice(jsonPathPrefix.length), data).replace(/(?<!\n)$/, '\n')
  }
  return format === 'yaml' ? stringify(data, { lineWidth: 0 }) : `${JSON.stringify(data, undefined, 2)}\n`
}
