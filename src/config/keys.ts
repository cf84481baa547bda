import type * as v from 'valibot'

/** Reads a schema of valibot as a list of keys. Tables of any name (`[runtime.NAME]`) are looked into without that name. */
export function keysOf(schema: v.GenericSchema, prefix = ''): string[] {
  const entries = entriesOf(schema)
  if (!entries) return [prefix]
  return Object.entries(entries).flatMap(([name, entry]) => keysOf(entry, prefix === '' ? name : `${prefix}.${name}`))
}

/** The names that may stand at this place of a file; undefined where any may, and where there is no table. */
export function namesAt(schema: v.GenericSchema, path: readonly string[]): readonly string[] | undefined {
  const inner = unwrap(schema)
  const [name, ...rest] = path
  if (name === undefined) return 'entries' in inner ? Object.keys(inner.entries as object) : undefined
  // A record: the name is anybody's.
  if (inner.type === 'record' && 'value' in inner) return namesAt(inner.value as v.GenericSchema, rest)
  const next = 'entries' in inner ? (inner.entries as Record<string, v.GenericSchema>)[name] : undefined
  return next && namesAt(next, rest)
}

function entriesOf(schema: v.GenericSchema): Readonly<Record<string, v.GenericSchema>> | undefined {
  const inner = unwrap(schema)
  if (inner.type === 'record' && 'value' in inner) return entriesOf(inner.value as v.GenericSchema)
  return 'entries' in inner ? (inner.entries as Record<string, v.GenericSchema>) : undefined
}

/** What is inside of optional(). */
function unwrap(schema: v.GenericSchema): v.GenericSchema {
  return 'wrapped' in schema ? unwrap(schema.wrapped as v.GenericSchema) : schema
}
