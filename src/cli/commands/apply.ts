import type { Command } from 'commander'
import { agentSockets, askStatus } from '../../agent/control-socket.ts'
import { openFolder } from '../../agent/manifest-folder.ts'
import { invalidArgument } from '../../lib/errors.ts'
import { type ManifestDocument, readDocuments, readManifests } from '../../manifest/documents.ts'
import { checkName } from '../../manifest/names.ts'
import { nameOf, writeObject } from '../applied-files.ts'
import type { Cli } from '../cli.ts'
import { readManifestText } from '../manifest-text.ts'
import { addManifestsOption } from '../manifests-option.ts'

interface Options {
  readonly filename: string[]
  readonly manifests: string
}

export function addApply(program: Command, cli: Cli): void {
  addManifestsOption(
    program
      .command('apply')
      .description('put manifests into the folder of the agent, which then runs them')
      .requiredOption('-f, --filename <file...>', 'files of manifests, YAML or JSON; - for stdin'),
  ).action(async ({ filename, manifests }: Options) => {
    const documents = filename.flatMap((path) => readDocuments(readManifestText(path), path))
    if (documents.length === 0) throw invalidArgument(`${filename.join(', ')} holds no manifest`)
    // All is checked before anything is written.
    for (const warning of readManifests(documents).warnings) cli.note(warning)
    for (const { name, namespace } of documents) {
      checkName(name, 'metadata.name', { dots: true })
      checkName(namespace, 'metadata.namespace')
    }
    const folder = openFolder(manifests)
    // What pods need comes before them, since the agent does not wait.
    const isNeeded = ({ kind }: ManifestDocument) => kind === 'ConfigMap' || kind === 'Secret'
    const ordered = documents.toSorted((a, b) => Number(isNeeded(b)) - Number(isNeeded(a)))
    for (const document of ordered) cli.print(`${nameOf(document)} ${writeObject(folder, document)}`)
    await noteAbsence(cli, folder)
  })
}

/** Says so when nobody will do anything about the folder. */
export async function noteAbsence(cli: Cli, folder: string): Promise<void> {
  const present = await askStatus(folder, agentSockets).catch(() => [])
  if (!present) cli.note(`no agent runs the pods of ${folder} now: start one with berth agent --manifests ${folder}`)
}
