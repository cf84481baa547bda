import type { Command } from 'commander'
import type { PodSandbox } from '../client/index.ts'
import { shortId } from '../lib/ids.ts'
import { keyValue, outputOption, pattern, wholeNumber } from './options.ts'

/** What `pods` and `ps` have in common. */
export interface ListOptions {
  readonly id?: string
  readonly name?: RegExp
  readonly namespace?: RegExp
  readonly state?: string
  readonly label?: Record<string, string>
  readonly last?: number
  readonly latest?: true
  readonly quiet?: true
  readonly verbose?: true
  readonly trunc: boolean
  readonly output: string
}

export function addListOptions(command: Command, kind: string): Command {
  return command
    .option('--id <id>', `only the ${kind} whose id begins so`)
    .option('--name <regexp>', 'only those whose name matches', pattern)
    .option('--namespace <regexp>', "only those whose pod's namespace matches", pattern)
    .option('-s, --state <state>', 'only those in this state')
    .option('--label <key=value>', 'only those with this label; may be repeated', keyValue)
    .option('-n, --last <count>', `only the newest so many (0 for all)`, wholeNumber)
    .option('-l, --latest', 'only the newest')
    .option('-q, --quiet', 'show ids only')
    .option('-v, --verbose', 'show labels and annotations')
    .option('--no-trunc', 'show whole ids')
    .addOption(outputOption('table', 'json', 'yaml', 'wide', 'name'))
}

/** Newest first, as many as asked for. */
export function newestFirst<Item extends { readonly createdAt: bigint }>(
  items: readonly Item[],
  { last, latest }: ListOptions,
): Item[] {
  const sorted = items.toSorted((a, b) => Number(b.createdAt - a.createdAt))
  const count = latest ? 1 : (last ?? 0)
  return count > 0 ? sorted.slice(0, count) : sorted
}

/** An id as a table shows it. */
export const tableId = (id: string, { trunc }: ListOptions) => (trunc ? shortId(id) : id)

/** Labels and annotations in the verbose form. */
export function describeMaps({ labels, annotations }: Pick<PodSandbox, 'labels' | 'annotations'>): string[] {
  const lines = (map: Readonly<Record<string, string>>) =>
    Object.keys(map)
      .sort()
      .map((key) => `\t${key} -> ${map[key]}`)
  return ['Labels:', ...lines(labels), 'Annotations:', ...lines(annotations), '']
}
