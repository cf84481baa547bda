import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { invalidArgument } from '../lib/errors.ts'
import type { Layout } from '../pod/layout.ts'
import { type RuntimeHandler, RuntimeHandlers } from '../pod/handlers.ts'
import type { Config } from './config.ts'

/** Where programs are looked for when PATH does not say, as under a service manager. */
const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * The runtime handlers of this node: those in the configuration, and runc and crun where they are installed. The default is
 * the configured one, or runc.
 */
export function runtimeHandlers(config: Config, layout: Layout): RuntimeHandlers {
  const names = new Set([...Object.keys(config.runtime), 'runc'])
  if (findProgram('crun')) names.add('crun')
  const handlers = [...names].map((name): RuntimeHandler => {
    const { path = name, args } = config.runtime[name] ?? {}
    return {
      name,
      command: {
        name,
        // A path that does not exist is reported when a pod asks for it: the runtime may be installed later.
        path: path.startsWith('/') ? path : (findProgram(path) ?? join('/usr/bin', path)),
        root: layout.runtimeRoot(name),
        ...(args && { args }),
      },
    }
  })
  const standard = config.default_runtime ?? 'runc'
  if (!names.has(standard)) {
    throw invalidArgument(`default_runtime: no runtime handler "${standard}" is configured ([runtime.${standard}])`)
  }
  return new RuntimeHandlers(handlers, standard)
}

function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? standardPath).split(':').concat(standardPath.split(':'))
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
