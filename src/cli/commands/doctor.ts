import type { JsonValue } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import type { Diagnosis } from '../../doctor/diagnosis.ts'
import type { Cli } from '../cli.ts'
import { painter } from '../format/colour.ts'
import { formatData } from '../format/json.ts'
import { printable } from '../format/printable.ts'
import { outputOption } from '../options.ts'

interface Options {
  readonly fix?: true
  readonly config?: string
  readonly registry: string
  readonly offline?: true
  readonly output: string
}

const colours = { ok: 'green', warning: 'yellow', broken: 'red' } as const

export function addDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description('check all that this node needs for pods, and say what mends it')
    .option('--fix', 'mend what can be mended safely: load kernel modules, set sysctls (until the next reboot)')
    .option('-c, --config <file>', 'configuration file of berthd (default: /etc/berth/config.toml, if it is there)')
    .option('--registry <host>', 'the registry that is to answer', 'docker.io')
    .option('--offline', 'ask no registry')
    .addOption(outputOption('text', 'json', 'yaml'))
    .addHelpText(
      'after',
      '\nThe exit code is 1 when something is broken, else 0. berth check is about what the runtime has made; this is about the node.',
    )
    .action(async (options: Options) => {
      const { examine } = await import('../examine-node.ts')
      const { stdout } = cli.terminal
      const { before, fixes, after } = await examine(cli, options)
      const diagnoses = after ?? before
      if (diagnoses.some(({ status }) => status === 'broken')) cli.exitCode = 1
      if (options.output !== 'text') {
        const data = JSON.parse(JSON.stringify({ diagnoses, ...(options.fix && { fixes }) })) as JsonValue
        return void stdout.write(formatData(data, options.output))
      }
      for (const { check, failure } of fixes) {
        cli.print(failure === undefined ? `mended: ${check}` : `not mended: ${check}: ${failure}`)
      }
      const { reportOf, summaryOf } = await import('../../doctor/report.ts')
      const paint = painter(cli.terminal)
      stdout.write(reportOf(diagnoses.map(safe), (status, word) => paint(colours[status], word)))
      const mendable = diagnoses.filter(({ status, fix }) => status !== 'ok' && fix).map(({ check }) => check)
      const hint = mendable.length > 0 && !options.fix ? `; berth doctor --fix mends: ${mendable.join(', ')}` : ''
      cli.print(`\n${summaryOf(diagnoses)}${hint}`)
    })
}

/** What programs and files say is not to steer the terminal. */
const safe = (diagnosis: Diagnosis): Diagnosis => ({ ...diagnosis, found: printable(diagnosis.found) })
