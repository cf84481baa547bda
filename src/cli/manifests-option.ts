import type { Command } from 'commander'

/** Where the agent looks for manifests, and where `berth apply` puts them. */
export const manifestsFolder = '/etc/berth/manifests'

export function addManifestsOption(command: Command): Command {
  return command.option(
    '--manifests <folder>',
    'the folder of manifests, what the kubelet calls staticPodPath',
    manifestsFolder,
  )
}
