import { createReadStream, existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { notFound } from '../../lib/errors.ts'
import { callAdmin } from '../admin.ts'
import type { Cli } from '../cli.ts'

interface Loaded {
  readonly images: readonly { readonly id: string; readonly repoTags: readonly string[] }[]
}

export function addLoad(program: Command, cli: Cli): void {
  program
    .command('load [path]')
    .description('load images from an OCI layout (folder or tar) or a "docker save" archive; "-" is stdin (Berth only)')
    .option('-i, --input <path>', 'the same as <path>')
    .option('-n, --name <name>', 'the name of an image that has none, or only a tag, in there')
    .action(async (given: string | undefined, { input, name }: { input?: string; name?: string }) => {
      const path = given ?? input ?? '-'
      if (path !== '-' && !existsSync(path)) throw notFound('file', path)
      const { signal } = cli.terminal
      const isFolder = path !== '-' && statSync(path).isDirectory()
      const query = name === undefined ? '' : `?name=${encodeURIComponent(name)}`
      const call = isFolder
        ? { path: '/v1/images/load', body: JSON.stringify({ path: resolve(path), name }) }
        : { path: `/v1/images/load-tar${query}`, body: path === '-' ? process.stdin : createReadStream(path) }
      const { images } = (await callAdmin(cli.adminSocket, { method: 'POST', signal, ...call })) as Loaded
      for (const { id, repoTags } of images) cli.print(`Loaded ${repoTags.join(', ') || id}`)
    })
}
