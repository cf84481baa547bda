import { Argument, type Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { Shell } from '../completion/scripts.ts'
import { printable } from '../format/printable.ts'

export function addCompletion(program: Command, cli: Cli): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .description('print a script that lets a shell complete commands, options, and names of pods, containers, images')
    .addHelpText(
      'after',
      '\nbash: . <(berth completion bash)    zsh: source <(berth completion zsh)    fish: berth completion fish | source',
    )
    .action(async (shell: Shell) => {
      const { scripts } = await import('../completion/scripts.ts')
      cli.terminal.stdout.write(scripts[shell])
    })

  // What those scripts call.
  program
    .command('__complete [words...]', { hidden: true })
    .passThroughOptions()
    .action(async (words: string[]) => {
      const { complete } = await import('../completion/complete.ts')
      const { candidates, wanted } = complete(program, words)
      for (const { value, about = '' } of candidates) cli.print(`${value}\t${printable(about)}`)
      if (wanted === undefined) return
      if (wanted !== 'file') {
        const { namesOf } = await import('../completion/names.ts')
        const endpoint = endpointIn(words) ?? program.opts<{ runtimeEndpoint: string }>().runtimeEndpoint
        const names = await namesOf(wanted, endpoint, words.at(-1) ?? '')
        for (const { value, about = '' } of names) cli.print(`${value}\t${printable(about)}`)
      }
      if (wanted === 'file' || wanted === 'place') cli.print(':files')
    })
}

/** The runtime that the line to complete is for. */
function endpointIn(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => word === '-r' || word === '--runtime-endpoint')
  return at === -1 ? undefined : words[at + 1]
}
