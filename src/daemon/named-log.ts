import type { Logger } from '../lib/log.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { type LogNames, logNames } from '../state/log-names.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'

interface Records<T> {
  get(id: string): T | undefined
}

interface Known {
  readonly sandboxes: Records<SandboxRecord>
  readonly containers: Records<ContainerRecord>
}

/** The fields of a line that may have the id of a pod or of a container. */
const idFields = ['container', 'sandbox', 'sandboxId', 'id', 'subject'] as const

/**
 * A log whose lines say beside the id of a pod or container also its name, as long as it is on record: `pod` is
 * `namespace/name`, `containerName` the name of the container in it. What a line says itself stays.
 */
export function namedLog(log: Logger, known: Known, bound: object = {}): Logger {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) =>
    log[level]({ ...namesOf({ ...bound, ...fields }, known), ...fields }, message)
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    // Its lines may be written when there is a record that is not there yet.
    child: (fields) => namedLog(log.child(fields), known, { ...bound, ...fields }),
  }
}

function namesOf(fields: object, { sandboxes, containers }: Known): LogNames {
  for (const field of idFields) {
    const id = (fields as Readonly<Record<string, unknown>>)[field]
    if (typeof id !== 'string') continue
    const container = containers.get(id)
    const sandbox = sandboxes.get(container?.sandboxId ?? id)
    if (container || sandbox) return logNames(sandbox, container)
  }
  return {}
}
