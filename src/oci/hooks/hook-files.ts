import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { errnoOf, failedPrecondition, messageOf } from '../../lib/errors.ts'

const pattern = v.pipe(
  v.string(),
  v.check((text) => isRegExp(text), 'is not a regular expression'),
)

const schema = v.strictObject({
  version: v.literal('1.0.0'),
  hook: v.object({
    path: v.pipe(v.string(), v.startsWith('/', 'must be an absolute path')),
    args: v.optional(v.array(v.string())),
    env: v.optional(v.array(v.string())),
    timeout: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  }),
  when: v.strictObject({
    always: v.optional(v.boolean()),
    annotations: v.optional(v.record(pattern, pattern), {}),
    commands: v.optional(v.array(pattern), []),
    hasBindMounts: v.optional(v.boolean()),
  }),
  stages: v.pipe(
    v.array(v.picklist(['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'])),
    v.minLength(1),
  ),
})

/** A file of a hooks directory (oci-hooks(5) of the containers project, version 1.0.0). */
export type HookFile = v.InferOutput<typeof schema>

/**
 * The hook files of the folders in the order of their names; a file takes the place of one with the same name in an earlier
 * folder. Read anew at each call. A file that cannot be used is a failed precondition: a hook may be there for safety.
 */
export function readHookFiles(folders: readonly string[]): HookFile[] {
  const byName = new Map<string, string>()
  for (const folder of folders) for (const name of listed(folder)) byName.set(name, join(folder, name))
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => readHookFile(file))
}

function readHookFile(file: string): HookFile {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw failedPrecondition(`the OCI hook file ${file} cannot be read: ${messageOf(error)}`, error)
  }
  const parsed = v.safeParse(schema, json)
  if (parsed.success) return parsed.output
  const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`)
  throw failedPrecondition(`the OCI hook file ${file} is not valid: ${problems.join('; ')}`)
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

function isRegExp(text: string): boolean {
  try {
    return RegExp(text) instanceof RegExp
  } catch {
    return false
  }
}
