import type { Command } from 'commander'
import { openFolder } from '../../agent/manifest-folder.ts'
import { BerthError, invalidArgument } from '../../lib/errors.ts'
import { type ManifestDocument, readDocuments } from '../../manifest/documents.ts'
import { nameOf, objectsIn, removeObject } from '../applied-files.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { readManifestText } from '../manifest-text.ts'
import { addManifestsOption } from '../manifests-option.ts'
import { noteAbsence } from './apply.ts'

interface Options {
  readonly filename?: string[]
  readonly namespace: string
  readonly manifests: string
}

type Target = Pick<ManifestDocument, 'kind' | 'namespace' | 'name'>

export function addDelete(program: Command, cli: Cli): void {
  addManifestsOption(
    program
      .command('delete [object...]')
      .description(
        'take manifests out of the folder of the agent, which then ends their pods: web, pod/web, deployment/web',
      )
      .option('-f, --filename <file...>', 'those of these files; - for stdin')
      .option('-n, --namespace <namespace>', 'where the objects are that are named', 'default'),
  ).action(async (names: string[], { filename = [], namespace, manifests }: Options) => {
    if (names.length + filename.length === 0) throw invalidArgument('name what to delete, or give its manifest with -f')
    const folder = openFolder(manifests)
    const inFiles = filename.flatMap((path) => readDocuments(readManifestText(path), path))
    const targets = new Map<string, Target>(inFiles.map((document) => [nameOf(document), document]))
    await forEach(cli, names, async (name) => {
      const target = find(folder, name, namespace)
      targets.set(nameOf(target), target)
    })
    await forEach(cli, [...targets.keys()], async (name) => {
      const target = targets.get(name)
      if (!target || !removeObject(folder, target)) throw notThere(name, folder)
      cli.print(`${name} deleted`)
    })
    await noteAbsence(cli, folder)
  })
}

/** The object of the folder that is named `kind/name`, or `name` alone, which means a Pod or a Deployment. */
function find(folder: string, query: string, namespace: string): Target {
  const [first = '', second] = query.split('/')
  const kinds = second === undefined ? ['pod', 'deployment', 'replicaset'] : [first.toLowerCase()]
  const name = second ?? first
  const found = objectsIn(folder)
    .map(({ document }) => document)
    .filter((document) => document.name === name && document.namespace === namespace)
    .filter(({ kind }) => kinds.includes(kind.toLowerCase()))
  const [target] = found
  if (!target) throw notThere(query, folder)
  if (found.length > 1) throw invalidArgument(`"${query}" could be ${found.map(nameOf).join(' or ')}`)
  return target
}

const notThere = (name: string, folder: string) =>
  new BerthError('not-found', `there is no "${name}" in ${folder}; berth agent --status shows the pods`)
