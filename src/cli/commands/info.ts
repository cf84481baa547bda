import { toJson } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { RuntimeFeaturesSchema, RuntimeHandlerSchema, RuntimeStatusSchema } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { formatData, infoJson, messageJson } from '../format/json.ts'
import { outputOption } from '../options.ts'

export function addInfo(program: Command, cli: Cli): void {
  program
    .command('info')
    .description('show the state of the runtime: conditions, handlers, features, configuration')
    .option('-q, --quiet', 'without the verbose part')
    .addOption(outputOption('json', 'yaml'))
    .action(async (options: { quiet?: true; output: string }) => {
      const answer = await cli.cri.runtime.status({ verbose: !options.quiet }, cli.ask)
      // Handlers and features as crictl prints them: proto names, without what is false.
      const asCrictl = { useProtoFieldName: true }
      const data = {
        ...(answer.features && { features: toJson(RuntimeFeaturesSchema, answer.features, asCrictl) }),
        ...(answer.runtimeHandlers.length > 0 && {
          runtimeHandlers: answer.runtimeHandlers.map((handler) => toJson(RuntimeHandlerSchema, handler, asCrictl)),
        }),
        ...(answer.status && { status: messageJson(RuntimeStatusSchema, answer.status) }),
        ...infoJson(answer.info),
      }
      cli.terminal.stdout.write(formatData(data, options.output))
    })
}
