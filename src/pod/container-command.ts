import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { failedPrecondition } from '../lib/errors.ts'
import type { Process, Spec } from '../oci/runtime-spec.ts'
import { execProcess } from '../oci/spec/exec.ts'
import type { ShimClient } from '../shim/client.ts'
import type { ExecParams } from '../shim/protocol.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { getContainer, getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'

/** @throws not-found; failed-precondition when it does not run */
export function runningContainer(parts: PodParts, id: string): ContainerRecord {
  const container = getContainer(parts, id)
  if (container.state.phase === 'running') return container
  throw failedPrecondition(`container "${container.id}" is ${container.state.phase}, not running`)
}

/**
 * What it takes to run one more command in a running container: its shim, and what that is to be told.
 *
 * @throws as {@link runningContainer}; invalid-argument for a command that is none
 */
export async function containerCommand(
  parts: PodParts,
  containerId: string,
  command: readonly string[],
  tty: boolean,
): Promise<{ readonly shim: ShimClient; readonly start: Pick<ExecParams, 'id' | 'runtime' | 'bundle' | 'process'> }> {
  const { id, sandboxId } = runningContainer(parts, containerId)
  const sandbox = getSandbox(parts, sandboxId)
  const shim = await parts.shims.get(sandbox.shim)
  const { bundle } = parts.layout.container(id)
  const process = execProcess(processIn(bundle), command, tty)
  return { shim, start: { id, runtime: parts.handlers.of(sandbox).command, bundle, process } }
}

/** The process that the container itself was started with. */
function processIn(bundle: string): Process {
  return (JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec).process
}
