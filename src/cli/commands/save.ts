import { createWriteStream, renameSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import { streamAdmin } from '../admin.ts'
import type { Cli } from '../cli.ts'

interface Options {
  readonly output?: string
  readonly format: string
}

export function addSave(program: Command, cli: Cli): void {
  program
    .command('save <image>')
    .description('write an image to a tar, for "berth load" and other tools (Berth only)')
    .option('-o, --output <file>', 'where to; "-" is stdout, which is the default')
    .addOption(
      new Option('--format <format>', 'an OCI layout, or what "docker load" takes')
        .choices(['oci-archive', 'docker-archive'])
        .default('oci-archive'),
    )
    .action(async (image: string, { output = '-', format }: Options) => {
      const { stdout, signal } = cli.terminal
      if (output === '-' && 'isTTY' in stdout && stdout.isTTY) {
        throw invalidArgument('a tar is nothing for a terminal: give -o FILE, or send stdout somewhere')
      }
      const path = `/v1/images/save?${new URLSearchParams({ image, format })}`
      const archive = await streamAdmin(cli.adminSocket, { method: 'GET', path, signal })
      if (output === '-') await copy(archive, stdout, false)
      else await writeWhole(archive, output)
    })
}

/** The file gets its name when all of it is there. */
async function writeWhole(archive: IncomingMessage, path: string): Promise<void> {
  const partial = `${path}.partial`
  try {
    await copy(archive, createWriteStream(partial), true)
    renameSync(partial, path)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}

async function copy(archive: IncomingMessage, target: Writable, end: boolean): Promise<void> {
  await pipeline(archive, target, { end })
  const problem = archive.trailers['berth-error']
  if (problem !== undefined) throw failedPrecondition(decodeURIComponent(problem))
}
