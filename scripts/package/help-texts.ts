import { Writable } from 'node:stream'
import { runCli } from '../../src/cli/program.ts'
import { run } from './run.ts'

/** What a command line of `berth` prints. */
export async function berthPrints(args: readonly string[]): Promise<string> {
  const pieces: string[] = []
  const collect = new Writable({
    write: (piece: Buffer, _, done) => {
      pieces.push(String(piece))
      done()
    },
  })
  const controller = new AbortController()
  const code = await runCli(args, {
    stdout: collect,
    stderr: collect,
    env: {},
    now: () => 0,
    signal: controller.signal,
  })
  if (code !== 0) throw new Error(`berth ${args.join(' ')}: ${pieces.join('')}`)
  return pieces.join('')
}

/** What `berthd --help` prints. */
export const berthdHelp = (root: string): string =>
  run(process.execPath, ['src/daemon/main.ts', '--help'], { cwd: root })

/** The names of the commands that `berth --help` shows, in its order. */
export async function commandNames(): Promise<readonly string[]> {
  const help = await berthPrints(['--help'])
  const commands = help.slice(help.indexOf('Pods and containers:'))
  return [...commands.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name as string)
}
