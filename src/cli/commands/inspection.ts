import type { JsonObject } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { formatData } from '../format/json.ts'
import { outputOption } from '../options.ts'

/** Adds the options that inspect, inspectp and inspecti share, and their action. */
export function addInspection(
  command: Command,
  cli: Cli,
  inspect: (query: string, verbose: boolean) => Promise<JsonObject>,
): void {
  command
    .option('-q, --quiet', 'without the verbose part')
    .addOption(outputOption('json', 'yaml'))
    .action(async (queries: string[], options: { quiet?: true; output: string }) => {
      const found: JsonObject[] = []
      await forEach(cli, queries, async (query) => {
        found.push(await inspect(query, !options.quiet))
      })
      // One object as it is, several as a list: what scripts made for crictl expect.
      const data = queries.length === 1 ? found[0] : found
      if (data !== undefined) cli.terminal.stdout.write(formatData(data, options.output))
    })
}
