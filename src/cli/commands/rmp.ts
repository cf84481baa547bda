import type { Command } from 'commander'
import { PodSandboxState } from '../../client/index.ts'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { removeVolumes, volumesFolder } from '../../agent/volume-folders.ts'
import { resolvePod } from '../resolve.ts'

interface Options {
  readonly all?: true
  readonly force?: true
}

export function addRemovePod(program: Command, cli: Cli): void {
  program
    .command('rmp [pod...]')
    .description('remove pods with their containers and emptyDir volumes; logs stay')
    .option('-a, --all', 'remove all pods')
    .option('-f, --force', 'stop those that still run')
    .action(async (queries: string[], { all, force }: Options) => {
      if (queries.length === 0 && !all) throw invalidArgument('name the pods to remove, or give --all')
      const { items } = await cli.cri.runtime.listPodSandbox({}, cli.ask)
      await forEach(cli, all ? items.map(({ id }) => id) : queries, async (query) => {
        const podSandboxId = await resolvePod(cli, query)
        if (force) {
          await cli.cri.runtime.stopPodSandbox({ podSandboxId }, cli.work)
        } else if (items.find(({ id }) => id === podSandboxId)?.state === PodSandboxState.SANDBOX_READY) {
          throw failedPrecondition(`pod "${query}" is running: stop it with berth stopp, or give --force`)
        }
        await cli.cri.runtime.removePodSandbox({ podSandboxId }, cli.work)
        cli.print(`Removed sandbox ${podSandboxId}`)
        await removeVolumesOf(items.find(({ id }) => id === podSandboxId)?.metadata?.uid)
      })
    })

  /** The volumes that `berth run` made for a pod go with its last sandbox. */
  async function removeVolumesOf(uid: string | undefined) {
    if (!uid) return
    const { items } = await cli.cri.runtime.listPodSandbox({}, cli.ask)
    if (!items.some(({ metadata }) => metadata?.uid === uid)) await removeVolumes(uid, volumesFolder)
  }
}
