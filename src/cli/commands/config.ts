import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { stringify } from 'smol-toml'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import { callAdmin } from '../admin.ts'
import type { Cli } from '../cli.ts'
import { type ConfigReading, notInForce } from '../config-reading.ts'
import { parseInfo } from '../format/json.ts'

interface ShowOptions {
  readonly config?: string
  readonly origin?: true
  readonly running?: true
}

export function addConfig(program: Command, cli: Cli): void {
  const config = program.command('config').description('show and check the configuration of berthd (Berth only)')
  config
    .command('default')
    .description('print every key with what it is for and its default, as a file')
    .action(async () => {
      const { referenceFile } = await import('../../config/reference.ts')
      cli.terminal.stdout.write(referenceFile())
    })
  config
    .command('check [file]')
    .description('say whether a file is valid, and what is wrong with it (default: /etc/berth/config.toml)')
    .action(async (file: string | undefined) => {
      const { configFileOf, loadConfig, standardFile } = await import('../../config/config.ts')
      const path = configFileOf(file)
      if (path === undefined) return cli.print(`There is no ${standardFile}: berthd runs with its defaults.`)
      loadConfig(path, {})
      cli.print(`${path} is valid.`)
    })
  config
    .command('reload')
    .description(
      'have the berthd that runs read its file again, as it does by itself when the file changes, and at SIGHUP',
    )
    .action(() => reload(cli))
  config
    .command('show')
    .description('print what is in force: the file, and the defaults of what it does not say')
    .option('-c, --config <file>', 'the file (default: /etc/berth/config.toml, if it is there)')
    .option('--origin', 'say of each key where its value comes from')
    .option('--running', 'what the berthd that runs has, with its flags')
    .action(async (options: ShowOptions) => {
      if (options.running && (options.origin || options.config !== undefined)) {
        throw invalidArgument('--running goes with neither --origin nor --config')
      }
      cli.terminal.stdout.write(options.running ? await runningConfig(cli) : await showFile(cli, options))
    })
}

async function reload(cli: Cli): Promise<void> {
  const call = { method: 'POST', path: '/v1/config/reload', signal: cli.terminal.signal } as const
  const reading = (await callAdmin(cli.adminSocket, call)) as ConfigReading
  cli.print(
    reading.file === undefined ? 'There is no file: the defaults are in force.' : `${reading.file} is in force.`,
  )
  for (const line of notInForce(reading)) cli.print(line)
}

async function showFile(cli: Cli, { config, origin }: ShowOptions): Promise<string> {
  const { configFileOf, loadConfig } = await import('../../config/config.ts')
  const path = configFileOf(config)
  const effective = loadConfig(path, {})
  if (!origin) return stringify(effective)
  const { settingsOf } = await import('../../config/origin.ts')
  const settings = settingsOf(effective, path === undefined ? '' : readFileSync(path, 'utf8'))
  const rows = settings.map(({ key, value, line }) => [
    `${key} = ${value}`,
    line === undefined ? 'default' : `${path}:${line}`,
  ])
  return cli.table([['SETTING', 'ORIGIN'], ...rows])
}

async function runningConfig(cli: Cli): Promise<string> {
  const { info } = await cli.cri.runtime.status({ verbose: true }, cli.ask)
  const { config, configReading } = parseInfo(info)
  if (typeof config !== 'object' || config === null || !('cgroup_parent' in config)) {
    throw failedPrecondition('the runtime does not tell its configuration; is it Berth?')
  }
  const notes = notInForce(configReading).map((line) => `# ${line}\n`)
  return `${notes.join('')}${stringify(config)}`
}
