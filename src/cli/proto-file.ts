import { readFileSync } from 'node:fs'
import type { DescMessage, JsonValue, MessageShape } from '@bufbuild/protobuf'
import { fromJson } from '@bufbuild/protobuf'
import { parse } from 'yaml'
import { ContainerConfigSchema, KeyValueSchema, PodSandboxConfigSchema } from '../client/index.ts'
import { errnoOf, invalidArgument, messageOf } from '../lib/errors.ts'

/**
 * The sandbox config in a file, as `crictl runp` takes it: JSON or YAML, field names in snake_case or camelCase.
 *
 * @throws BerthError invalid-argument, which names the file and the field
 */
export function readSandboxConfig(path: string) {
  const config = readMessage(PodSandboxConfigSchema, path)
  const { metadata } = config
  if (!metadata?.name || !metadata.namespace) {
    throw invalidArgument(`${path}: a sandbox needs metadata.name and metadata.namespace (and metadata.uid)`)
  }
  // As crictl does: without a uid, every run of the file is another pod.
  metadata.uid ||= crypto.randomUUID()
  return config
}

/**
 * The container config in a file, as `crictl create` takes it; see {@link readSandboxConfig}.
 *
 * @throws BerthError invalid-argument, which names the file and the field
 */
export function readContainerConfig(path: string) {
  const config = readMessage(ContainerConfigSchema, path)
  if (!config.metadata?.name) throw invalidArgument(`${path}: a container needs metadata.name`)
  if (!config.image?.image) throw invalidArgument(`${path}: a container needs image.image`)
  // CRI-O refuses a container without it.
  config.image.userSpecifiedImage ||= config.image.image
  return config
}

function readMessage<Desc extends DescMessage>(schema: Desc, path: string): MessageShape<Desc> {
  let json: JsonValue
  try {
    json = parse(readFileSync(path, 'utf8')) as JsonValue
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw invalidArgument(`there is no file ${path}`)
    throw invalidArgument(`${path}: ${messageOf(error)}`, error)
  }
  return decodeMessage(schema, json, path)
}

/** Reads a message from its JSON form, with the names and values that crictl takes; `source` goes into messages. */
export function decodeMessage<Desc extends DescMessage>(
  schema: Desc,
  json: JsonValue,
  source: string,
): MessageShape<Desc> {
  const unknown: string[] = []
  const normal = normalise(schema, json, '', unknown)
  if (unknown.length > 0) throw invalidArgument(`${source}: ${unknown.join('; ')}`)
  try {
    return fromJson(schema, normal)
  } catch (error) {
    throw invalidArgument(
      `${source}: ${messageOf(error).replace(/^cannot decode (message|field) runtime\.v1\./, '')}`,
      error,
    )
  }
}

/**
 * The JSON with what crictl's reading differs in brought to protobuf's form: an environment variable's value is bytes on the
 * wire and plain text in the files. Collects unknown fields on the way.
 */
function normalise(schema: DescMessage, json: JsonValue, path: string, unknown: string[]): JsonValue {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return json
  const result: Record<string, JsonValue> = {}
  for (const [key, value] of Object.entries(json)) {
    const at = path === '' ? key : `${path}.${key}`
    const field = schema.fields.find(({ name, jsonName }) => name === key || jsonName === key)
    if (field === undefined) {
      const like = schema.fields.find(({ name }) => plain(name) === plain(key))
      unknown.push(`unknown field ${at}${like ? `, did you mean ${like.name}?` : ` (of ${schema.name})`}`)
    } else if (schema.typeName === KeyValueSchema.typeName && field.name === 'value' && typeof value === 'string') {
      result[key] = Buffer.from(value).toString('base64')
    } else if (field.fieldKind === 'message') {
      result[key] = normalise(field.message, value, at, unknown)
    } else if (field.fieldKind === 'list' && field.listKind === 'message' && Array.isArray(value)) {
      result[key] = value.map((item, index) => normalise(field.message, item, `${at}[${index}]`, unknown))
    } else {
      result[key] = value
    }
  }
  return result
}

const plain = (name: string) => name.replaceAll(/[_-]/g, '').toLowerCase().replace(/s$/, '')
