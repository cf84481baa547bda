import type { Command } from 'commander'

export interface ContainerOption {
  readonly container?: string
}

/** `-c`, as kubectl has it, for commands that are given a container as pod/container. */
export const addContainerOption = (command: Command): Command =>
  command.option('-c, --container <name>', 'the container of the pod, where only the pod is given')

/** What to look for: `pod/container`, where the user gave the two apart. */
export const withContainer = (query: string, { container }: ContainerOption): string =>
  container === undefined ? query : `${query}/${container}`
