import type { JsonValue } from '@bufbuild/protobuf'
import { type Command, Option } from 'commander'
import { agentSockets } from '../../agent/control-socket.ts'
import type { Cli } from '../cli.ts'
import { columnsOf, painter } from '../format/colour.ts'
import { formatData } from '../format/json.ts'
import { outputOption } from '../options.ts'
import { explain, explainAll } from '../why/find.ts'
import { printExplanation } from '../why/print.ts'

export function addWhy(program: Command, cli: Cli): void {
  program
    .command('why')
    .argument('[name]', 'a pod, a container, or an image that was pulled; all that is not well without one')
    .description('say what a pod or container waits for, or why it failed, and what to do next')
    .addOption(outputOption('text', 'json', 'yaml'))
    .addOption(new Option('--agent-sockets <folder>').default(agentSockets).hideHelp())
    .addHelpText('after', whyHelp)
    .action(async (query: string | undefined, options: { output: string; agentSockets: string }) => {
      const { output, agentSockets } = options
      const explanations =
        query === undefined ? await explainAll(cli, agentSockets) : await explain(cli, query, agentSockets)
      const { stdout, now } = cli.terminal
      if (output !== 'text') {
        const data = JSON.parse(JSON.stringify({ explanations })) as JsonValue
        return void stdout.write(formatData(data, output))
      }
      if (explanations.length === 0)
        return cli.print('All pods and containers are well, and no call has failed lately.')
      const page = { paint: painter(cli.terminal), now: now(), columns: columnsOf(stdout) }
      stdout.write(explanations.map((explanation) => printExplanation(explanation, page)).join('\n'))
    })
}

const whyHelp = `
It tells of calls under way with their stage and age, of the last failure of each layer (registry, CNI, OCI runtime, kernel) in
its own words, of what an exit code means, and of the last lines of the log. berthd remembers the last 200 calls that failed and
did not succeed since, until it is restarted. Of pods of berth agent it also tells what the agent knows, such as what a probe
said last. With other runtimes it tells what CRI tells: states, exit codes, messages.`
