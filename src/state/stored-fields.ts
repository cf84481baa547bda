import { type DescMessage, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf'
import * as v from 'valibot'

/** The parts that bodies of records have in common: how they are checked, and read one by one when the whole is damaged. */

/** What Berth makes ids of; they become names of folders, so that nothing else may pass for one. */
export function isId(id: string): boolean {
  return /^[0-9a-f]{64}$/.test(id)
}

export const idText = v.pipe(v.string(), v.check(isId, 'is not an id'))

/** Nanoseconds since the epoch, as text. */
export const timeText = v.pipe(
  v.string(),
  v.regex(/^[0-9]{1,20}$/, 'is not a time'),
  v.transform((digits) => BigInt(digits)),
)

/** A message of CRI in its JSON form. Fields that this version does not know are passed over. */
export function messageJson<Desc extends DescMessage>(desc: Desc) {
  return v.pipe(
    v.unknown(),
    v.transform((json) => fromJson(desc, json as JsonValue, { ignoreUnknownFields: true })),
  )
}

/** What there is of a message: the fields that can be read. */
export function salvagedMessage<Desc extends DescMessage>(desc: Desc, json: unknown): Partial<MessageShape<Desc>> {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(objectOf(json))) {
    try {
      const message = fromJson(desc, { [name]: value as JsonValue }, { ignoreUnknownFields: true })
      const field = desc.fields.find((each) => each.jsonName === name)
      if (field) fields[field.localName] = message[field.localName as keyof typeof message]
    } catch {
      // This field is one of those that cannot be read.
    }
  }
  return fields as Partial<MessageShape<Desc>>
}

/** The value if it is what `schema` says, else the fallback. */
export function salvaged<T>(schema: v.GenericSchema<unknown, T>, value: unknown, fallback: T): T {
  try {
    const result = v.safeParse(schema, value)
    return result.success ? result.output : fallback
  } catch {
    return fallback
  }
}

export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
