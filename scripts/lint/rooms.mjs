/**
 * The rules of the house as an oxlint plugin: which room may import which, which modules stay behind one room, no barrels.
 * The rooms and their order are those of docs/architecture.md; the test is beside this file.
 */
import { dirname, resolve, sep } from 'node:path'

/** The folders of src/, top to bottom: a room may import itself and what is below it, never what is above. */
export const rooms = [
  'cli',
  'agent',
  'manifest',
  'client',
  'doctor',
  'daemon',
  'cri',
  'streaming',
  'observe',
  'pod',
  'image',
  'network',
  'shim',
  'nri',
  'oci',
  'state',
  'config',
  'linux',
  'mux',
  'lib',
  'gen',
]

/** Rooms that may import less than all that is below them: what is a client of CRI works against any CRI socket. */
const onlyThese = {
  cli: ['agent', 'manifest', 'client', 'doctor', 'config', 'mux', 'lib', 'gen'],
  agent: ['manifest', 'client', 'lib', 'gen'],
  manifest: ['client', 'lib', 'gen'],
  client: ['mux', 'lib', 'gen'],
  doctor: ['network', 'oci', 'config', 'linux', 'lib'],
}

/** Modules that stay behind some rooms. */
const guarded = [
  {
    module: /^koffi(\/|$)/,
    rooms: ['linux'],
    tests: false,
    why: 'koffi is behind linux/ alone: add the call to src/linux/libc.ts and give it a shape in a file beside it',
  },
  {
    module: /^(node:)?child_process(\/|$)/,
    rooms: ['cli', 'doctor', 'agent'],
    tests: true,
    why: 'node:child_process loses its children to the Reaper of berthd and of the shim: use runCommand or spawn of src/linux',
  },
]

/** Files that other packages import by name; they may re-export. */
const publicEntries = ['client/index.ts']

/** The path of `file` below its nearest `src` folder, as parts, or undefined for a file elsewhere (test/, scripts/). */
function insideSource(file) {
  const parts = file.split(sep)
  const at = parts.lastIndexOf('src')
  return at === -1 ? undefined : parts.slice(at + 1)
}

/** Why `file` may not import `specifier`, or undefined when it may. */
export function objection(file, specifier) {
  const from = insideSource(file)
  if (from === undefined) return undefined
  const room = from[0]
  const isTest = file.endsWith('.test.ts')
  for (const guard of guarded) {
    if (guard.module.test(specifier) && !guard.rooms.includes(room) && !(guard.tests && isTest)) return guard.why
  }
  if (!specifier.startsWith('.') || specifier.endsWith('.json')) return undefined
  const to = insideSource(resolve(dirname(file), specifier))
  if (to === undefined) return `${room}/ may not import from outside src/: ${specifier}`
  const target = to[0]
  if (target === room) return undefined
  if (!rooms.includes(room)) return `src/${room} is not a room; the rooms are ${rooms.join(', ')}`
  if (!rooms.includes(target)) return `${specifier} is in no room; the rooms are ${rooms.join(', ')}`
  if (onlyThese[room]) {
    return onlyThese[room].includes(target)
      ? undefined
      : `${room}/ may import only ${onlyThese[room].join(', ')}, not ${target}/`
  }
  return rooms.indexOf(target) > rooms.indexOf(room)
    ? undefined
    : `${room}/ may not import ${target}/, which is above it`
}

const direction = {
  meta: { type: 'problem', docs: { description: 'imports between rooms go downward only' } },
  create(context) {
    const check = (source) => {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return
      const message = objection(context.filename, source.value)
      if (message !== undefined) context.report({ node: source, message })
    }
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source ?? node.argument?.literal ?? node.argument),
      CallExpression(node) {
        if (node.callee.type === 'Identifier' && node.callee.name === 'require') check(node.arguments[0])
      },
    }
  },
}

const noBarrels = {
  meta: { type: 'problem', docs: { description: 'a name is imported from the file that makes it' } },
  create(context) {
    const path = insideSource(context.filename)?.join('/')
    if (path !== undefined && publicEntries.includes(path)) return {}
    const report = (node) =>
      context.report({ node, message: 'no re-exports: import a name from the file that makes it (no barrels)' })
    return {
      ExportAllDeclaration: report,
      ExportNamedDeclaration(node) {
        if (node.source) report(node)
      },
    }
  },
}

// oxlint takes a plugin as a default export.
// oxlint-disable-next-line import/no-default-export
export default { meta: { name: 'berth' }, rules: { direction, 'no-barrels': noBarrels } }
