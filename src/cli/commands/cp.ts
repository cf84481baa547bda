import { existsSync, statSync } from 'node:fs'
import { posix, basename, join } from 'node:path'
import type { Command } from 'commander'
import { invalidArgument, notFound } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { type Place, parsePlace } from '../copy/place.ts'
import { printable } from '../format/printable.ts'
import { addContainerOption, type ContainerOption, withContainer } from '../container-option.ts'
import { resolveContainer } from '../resolve.ts'
import type { TlsFiles } from '../../client/streaming/tls-files.ts'
import { addTlsOptions } from '../streaming/tls-options.ts'

export function addCopy(program: Command, cli: Cli): void {
  const command = program
    .command('cp <from> <to>')
    .description('copy files and folders to a running container, or from it (it must have tar)')
    .addHelpText(
      'after',
      '\nA path in a container is written as CONTAINER:/PATH, as in berth cp web/nginx:/etc/nginx ./conf. A path here with a\n' +
        'colon begins with / or ./. Into a folder that is there, under its own name; else it gets the name that is given.',
    )
  addTlsOptions(addContainerOption(command)).action(
    async (fromText: string, toText: string, tls: TlsFiles & ContainerOption) => {
      const place = (text: string): Place => {
        const parsed = parsePlace(text)
        return parsed.kind === 'local' ? parsed : { ...parsed, container: withContainer(parsed.container, tls) }
      }
      const [from, to] = [place(fromText), place(toText)]
      if (from.kind === to.kind) {
        throw invalidArgument('one of the two must be in a container (CONTAINER:/PATH), and the other one here')
      }
      if (from.kind === 'container' && to.kind === 'local') await fromContainer(cli, from, to.path, tls)
      if (from.kind === 'local' && to.kind === 'container') await toContainer(cli, from.path, to, tls)
    },
  )
}

type ContainerPlace = Extract<Place, { kind: 'container' }>

async function fromContainer(cli: Cli, from: ContainerPlace, to: string, tls: TlsFiles): Promise<void> {
  const { readTar } = await import('../copy/remote-tar.ts')
  const { unpackTree } = await import('../copy/unpack.ts')
  const path = posix.resolve(from.path)
  const name = posix.basename(path) || '.'
  if (to.endsWith('/') && !existsSync(to)) throw notFound('folder', to)
  const target = isFolder(to) && name !== '.' ? join(to, name) : to
  const containerId = await resolveContainer(cli, from.container, { podWillDo: true })
  const args = ['-cf', '-', '-C', posix.dirname(path), name === '.' ? '.' : `./${name}`]
  await readTar(cli, containerId, args, tls, (tar) =>
    unpackTree(tar, { name, target, skipped: (what) => cli.note(`left out: ${printable(what)}`) }),
  )
}

async function toContainer(cli: Cli, from: string, to: ContainerPlace, tls: TlsFiles): Promise<void> {
  if (!existsSync(from)) throw notFound('file', from)
  const { feedTar } = await import('../copy/remote-tar.ts')
  const { packTree } = await import('../copy/pack.ts')
  const containerId = await resolveContainer(cli, to.container, { podWillDo: true })
  const path = posix.resolve(to.path)
  const own = basename(posix.resolve(process.cwd(), from))
  const intoFolder = await isFolderInside(cli, containerId, path)
  if (!intoFolder && to.path.endsWith('/')) throw notFound('folder in the container', path)
  const [folder, name] = intoFolder ? [path, own] : [posix.dirname(path), posix.basename(path)]
  const tar = packTree(from, `./${name}`, (skipped) =>
    cli.note(`left out: ${printable(skipped)}, no file and no folder`),
  )
  await feedTar(cli, containerId, ['-xmf', '-', '-C', folder], tls, tar)
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** A container without the program `test` has no tar either. */
async function isFolderInside(cli: Cli, containerId: string, path: string): Promise<boolean> {
  if (path === '/') return true
  const answer = await cli.cri.runtime.execSync({ containerId, cmd: ['test', '-d', path], timeout: 10n }, cli.work)
  return answer.exitCode === 0
}
